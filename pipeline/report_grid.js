/* Banners in groups, as many of them in the page as are near the screen.

   A group's tiles lie in chunks of a few whole rows. A chunk that comes within a screen's height is filled, one
   that leaves is emptied and keeps its height, so that thousands of banners cost what some hundred do. The
   tiles are one stop for the Tab key: `current` can be tabbed to, arrow keys go from tile to tile. */

const element = (tag, className = "", ...children) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
};

/* The sheet's pictures, which stand at its end, page by page; undefined while a page is still on its way. */
const makePictures = (perPage) => {
  const pages = new Map();
  const late = new Map();

  function picture(number) {
    const page = Math.floor(number / perPage);
    if (!pages.has(page)) {
      const source = document.getElementById(`pictures-${page}`);
      if (!source || (document.readyState === "loading" && !source.nextSibling)) return undefined;
      pages.set(page, JSON.parse(source.textContent));
    }
    return pages.get(page)[number % perPage];
  }

  function place(image, number) {
    const uri = picture(number);
    if (uri === undefined) late.set(image, number);
    else image.src = uri;
  }

  const again = () => {
    const waiting = [...late];
    late.clear();
    for (const [image, number] of waiting) if (image.isConnected) place(image, number);
    if (document.readyState === "loading") setTimeout(again, 250);
  };
  if (document.readyState === "loading") setTimeout(again, 100);
  document.addEventListener("DOMContentLoaded", again);
  return { picture, place };
};

const makeGrid = (root, makeTile) => {
  const ROWS = 6;
  const CAPTION = 76; // a tile's height below its picture, about; only for chunks that were never filled
  const home = new Map(); // from banner to chunk
  let chunks = [];
  let groups = [];
  let current = -1;
  let layout = "";

  const watcher = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        const chunk = chunks.find((each) => each.list === target);
        if (chunk) (isIntersecting ? fill : empty)(chunk);
      }
    },
    { rootMargin: "100% 0px" },
  );

  function fill(chunk) {
    if (chunk.filled) return;
    chunk.filled = true;
    chunk.list.style.height = "";
    chunk.list.replaceChildren(...chunk.items.map((index) => makeTile(index, index === current)));
  }

  function empty(chunk) {
    /* The tile that can be tabbed to stays, wherever it is: without it the keyboard had no way in. */
    if (!chunk.filled || home.get(current) === chunk || chunk.list.contains(document.activeElement)) return;
    chunk.filled = false;
    chunk.list.style.height = `${chunk.list.offsetHeight}px`;
    chunk.list.replaceChildren();
  }

  /* How many columns each kind of list has now, and how wide they are, as the style sheet decides. */
  function columns(kinds) {
    const probes = new Map([...kinds].map((kind) => [kind, element("ul", `tiles ${kind}`)]));
    root.append(...probes.values());
    const found = new Map();
    for (const [kind, probe] of probes) {
      const style = getComputedStyle(probe);
      const tracks = style.gridTemplateColumns.split(" ");
      found.set(kind, { count: tracks.length, width: parseFloat(tracks[0]), gap: parseFloat(style.rowGap) });
    }
    for (const probe of probes.values()) probe.remove();
    return found;
  }

  const kindsOf = (wanted) => new Set(wanted.flatMap(({ parts }) => parts.map(({ kind }) => kind)));

  function makeChunks({ items, kind, ratio }, { count, width, gap }) {
    const made = [];
    for (let start = 0; start < items.length; start += count * ROWS) {
      const some = items.slice(start, start + count * ROWS);
      const chunk = { items: some, list: element("ul", `tiles ${kind}`), filled: false };
      const rows = Math.ceil(some.length / count);
      chunk.list.style.height = `${Math.round(rows * (width / ratio + CAPTION) + (rows - 1) * gap)}px`;
      for (const index of chunk.items) home.set(index, chunk);
      made.push(chunk);
    }
    return made;
  }

  const counted = (number) => `${number.toLocaleString("en")} ${number === 1 ? "banner" : "banners"}`;
  const tally = (number) => element("span", "quiet tally", counted(number));

  function makeSection(group, sizes) {
    const title = element("span", "", group.title);
    title.dir = "auto";
    const heading = element("h2", "", title, " ");
    if (group.locale) heading.append(element("span", "locale", group.locale), " ");
    heading.append(tally(group.parts.reduce((sum, { items }) => sum + items.length, 0)));
    const section = element("section", "segment", heading);
    for (const part of group.parts) {
      const made = makeChunks(part, sizes.get(part.kind));
      chunks.push(...made);
      const name = element("h3", "", part.title, " ", tally(part.items.length));
      section.append(element("section", "size", name, ...made.map(({ list }) => list)));
    }
    return section;
  }

  /* `wanted`: [{title, locale, parts: [{title, kind, ratio, items}]}], `items` the banners' numbers. */
  function show(wanted) {
    groups = wanted;
    watcher.disconnect();
    chunks = [];
    home.clear();
    const sizes = columns(kindsOf(groups));
    layout = JSON.stringify([...sizes].map(([kind, { count }]) => [kind, count]));
    root.replaceChildren(...groups.map((group) => makeSection(group, sizes)));
    if (!home.has(current)) current = chunks.length ? chunks[0].items[0] : -1;
    if (current >= 0) fill(home.get(current));
    for (const { list } of chunks) watcher.observe(list);
  }

  const tileOf = (index) => root.querySelector(`.tile[data-index="${index}"]`);

  function tabbable(index, yes) {
    for (const button of tileOf(index)?.querySelectorAll("button") ?? []) button.tabIndex = yes ? 0 : -1;
  }

  function setCurrent(index) {
    if (index === current) return;
    tabbable(current, false);
    current = index;
    tabbable(current, true);
  }

  /* Brings a banner's tile into the page and onto the screen, and gives it the focus. */
  function focus(index) {
    const chunk = home.get(index);
    if (!chunk) return;
    fill(chunk);
    setCurrent(index);
    const button = tileOf(index).querySelector(".open");
    button.scrollIntoView({ block: "nearest" });
    button.focus({ preventScroll: true });
  }

  /* The tile above or below, whichever group it is in: the nearest row, there the nearest column. */
  function beyond(tile, down) {
    const from = tile.getBoundingClientRect();
    let best = null;
    let least = Infinity;
    for (const other of root.querySelectorAll(".tile")) {
      const box = other.getBoundingClientRect();
      const away = down ? box.top - from.bottom : from.top - box.bottom;
      const cost = away * 4 + Math.abs(box.left - from.left);
      if (away >= 0 && cost < least) [best, least] = [other, cost];
    }
    return best ? Number(best.dataset.index) : undefined;
  }

  const order = () => chunks.flatMap(({ items }) => items);

  function move(tile, key) {
    const all = order();
    const at = all.indexOf(Number(tile.dataset.index));
    const to = {
      ArrowLeft: () => all[at - 1],
      ArrowRight: () => all[at + 1],
      ArrowUp: () => beyond(tile, false),
      ArrowDown: () => beyond(tile, true),
      Home: () => all[0],
      End: () => all[all.length - 1],
    }[key];
    if (!to) return false;
    const next = to();
    if (next !== undefined) focus(next);
    return true;
  }

  root.addEventListener("focusin", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) setCurrent(Number(tile.dataset.index));
  });
  /* Another width may hold another number of columns: chunks have to be whole rows. */
  new ResizeObserver(() => {
    if (!groups.length) return;
    const now = JSON.stringify([...columns(kindsOf(groups))].map(([kind, { count }]) => [kind, count]));
    if (now === layout) return;
    const focused = root.contains(document.activeElement);
    show(groups);
    if (focused) focus(current);
  }).observe(root);
  addEventListener("beforeprint", () => chunks.forEach(fill));

  return { show, focus, move, order, tiles: () => root.querySelectorAll(".tile") };
};
