"""`python -m jobs`: the command `banners` where only the code is, such as in a submitted job."""

from jobs.cli import main

main()
