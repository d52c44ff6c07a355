"""How much of a resource a child process may take."""

import resource


def lower(kind: int, most: int) -> None:
    """Let this process have at most `most` of the resource `kind`, a constant such as `RLIMIT_AS`.

    Whoever started the programme may have set a hard limit (`ulimit -v`), which no process can raise: it
    stays, and counts where it is the lower one.
    """
    hard = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
