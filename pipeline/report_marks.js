/* What somebody marks on the sheet. Kept in this browser where it keeps anything, saved as a file for
   `banners approve --from`, sent nowhere. A mark is the number of a banner: what it means follows from what
   the banner offers, to be approved or to be kept out. */
const makeMarks = ({ campaign, run, banners }, changed) => {
  const place = `proof-sheet/${campaign}/${run}`;
  const namePlace = "proof-sheet/who";
  const marked = new Set();
  let unsaved = false;

  /* Reading and writing both throw where storage is switched off, and for file: pages of some browsers. */
  const keep = (at, text) => {
    try {
      localStorage.setItem(at, text);
      return true;
    } catch {
      return false;
    }
  };
  const kept = (at) => {
    try {
      return localStorage.getItem(at) ?? "";
    } catch {
      return "";
    }
  };

  function restore() {
    marked.clear();
    let offers = {};
    try {
      offers = Object(JSON.parse(kept(place) || "{}"));
    } catch {
      return; // not written by this page
    }
    banners.forEach((banner, index) => {
      const known = banner.offer && Object.hasOwn(offers, banner.key);
      if (known && offers[banner.key] === banner.offer) marked.add(index);
    });
  }

  function note() {
    const offers = Object.fromEntries([...marked].map((index) => [banners[index].key, banners[index].offer]));
    unsaved = !keep(place, JSON.stringify(offers)) && marked.size > 0;
    changed();
  }

  const count = (offer) => [...marked].filter((index) => banners[index].offer === offer).length;

  /* "2 approved, 1 kept out", "" for nothing. */
  function told() {
    const parts = [[count("approve"), "approved"], [count("out"), "kept out"]];
    const some = parts.filter(([number]) => number);
    return some.map(([number, word]) => `${number.toLocaleString("en")} ${word}`).join(", ");
  }

  function file(who) {
    const decisions = [...marked].sort((one, other) => one - other).map((index) => {
      const { key, offer, sha256 } = banners[index];
      return { key, approved: offer === "approve", sha256 };
    });
    return JSON.stringify({ campaign, run, who, decisions }, null, 1);
  }

  /* Hands the file to the browser's downloads. */
  function save(who) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([file(who)], { type: "application/json" }));
    link.download = `approvals-${campaign}-${run}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read it late
    unsaved = false;
    return link.download;
  }

  addEventListener("storage", (event) => {
    if (event.key !== place) return;
    restore(); // the same run in another tab: the last one to write must know what both know
    changed();
  });
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
  restore();
  return {
    has: (index) => marked.has(index),
    size: () => marked.size,
    toggle(index) {
      if (!marked.delete(index)) marked.add(index);
      note();
    },
    add(indexes) {
      for (const index of indexes) marked.add(index);
      note();
    },
    clear() {
      marked.clear();
      note();
    },
    told,
    save,
    isKept: () => !unsaved,
    who: () => kept(namePlace),
    keepWho: (name) => keep(namePlace, name),
  };
};
