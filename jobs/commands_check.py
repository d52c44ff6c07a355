"""`banners check`: what can be said of a campaign before any photo is touched."""

from jobs.options import CampaignFile
from pipeline.campaign import load_campaign
from pipeline.errors import JobError
from pipeline.rehearsal import MOST_PRODUCTS, rehearse
from pipeline.wanted import want, want_spare


def check(campaign: CampaignFile) -> None:
    """Check CAMPAIGN, its catalogue, segments, rules and designs, without any photo or network.

    Every text is laid out as in a run: a letter that no font has, a text that does not fit, words that are
    hard to read on their ground are told once each, with the field to mend. Exit codes: 0 nothing is wrong;
    1 something is.
    """
    plan = load_campaign(campaign)
    wanted, silent = want(plan)
    for name in silent:
        print(f"note: segment {name} selects no product")
    spare = want_spare(plan, wanted)
    for name, variant, product in dict.fromkeys(
        (each.segment.name, each.segment.variant, each.product.id) for each in spare
    ):
        print(f"note: segment {name}: no product has variant {variant} yet, it is looked at with {product}")
    found = rehearse(plan, [*wanted, *spare])
    for flaw in found.flaws:
        print(f"wrong: {flaw}")
    print(
        f"{plan.name}: {len(plan.products)} products, {len(plan.segments)} segments, {found.planned} banners"
    )
    if found.laid_out < found.planned:
        print(
            f"note: {found.laid_out} of {found.planned} banners were laid out: {MOST_PRODUCTS} products with "
            "the most demanding texts for each segment, design and size; letters were looked up for all"
        )
    if found.flaws:
        many = "1 thing is" if len(found.flaws) == 1 else f"{len(found.flaws)} things are"
        raise JobError(f"{plan.file}: {many} wrong, see above")
    print("nothing is wrong")
