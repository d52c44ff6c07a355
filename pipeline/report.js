/* The sheet: filters over all banners, groups for the grid, marks and what they say. */
const at = (id) => document.getElementById(id);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const sheet = JSON.parse(at("data").textContent);
const { banners } = sheet;
const filters = at("filters");
const approvals = at("approvals");
const absent = document.createElement("input"); // stands for a filter that this sheet has no use for
const field = (name) => filters.elements.namedItem(name) ?? absent;
const number = (value) => value.toLocaleString("en");
const choices = ["segment", "size", "design", "variant", "status", "reason", "decision", "change"];
const searchable = banners.map((b) => `${b.product} ${b.photoKey}`.toLowerCase());
const pictures = makePictures(sheet.page);
const marks = makeMarks(sheet, () => paintMarks());

/* Tiles and the large view */

const { makeTile, paintDecide } = makeTiles(sheet, pictures, marks, () => isBeside());
const grid = makeGrid(at("grid"), makeTile);
const box = makeBox(sheet, pictures, { order: grid.order, decide, paintDecide, left: grid.focus });

at("grid").addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (event.target.closest(".open")) box.show(Number(tile.dataset.index));
  if (event.target.closest(".decide")) decide(Number(tile.dataset.index), banners[tile.dataset.index].offer);
});

/* Filters and groups */

const isBeside = () => field("order").value === "changes";
const reads = {
  waits: (banner) => banner.offer === "approve" && !banner.decided,
  approved: (banner) => banner.decided && banner.offer !== "approve",
  out: (banner) => banner.decided && banner.offer === "approve",
};
const exact = ["segment", "size", "design", "variant", "status", "change"];

function fits(banner, index, wanted, words) {
  /* What is gone belongs to the earlier run: only the view of both, or who asks for it, sees it. */
  if (banner.change === "gone" && !isBeside() && wanted.change !== "gone") return false;
  return (
    exact.every((name) => !wanted[name] || banner[name] === wanted[name]) &&
    (!wanted.reason || banner.reasons.includes(wanted.reason)) &&
    (!wanted.decision || (wanted.decision === "marked" ? marks.has(index) : reads[wanted.decision](banner))) &&
    words.every((word) => searchable[index].includes(word))
  );
}

/* Which kind of list banners of a size lie in, and how wide a tile's picture is for its height. */
function shapeOf(size, two) {
  const [width, height] = size.split("x").map(Number);
  const ratio = width / height || 1;
  const kind = ratio > 2.4 ? "strip" : ratio < 0.7 ? "tall" : "block";
  if (!two) return { kind, ratio };
  return { kind: `${kind} two`, ratio: kind === "strip" ? ratio / 2 : ratio * 2 };
}

const CHANGES = { changed: "Changed", new: "New", gone: "Gone", same: "The same" };

function groupsOf(indexes) {
  const beside = isBeside();
  const groups = new Map();
  for (const index of indexes) {
    const banner = banners[index];
    const name = beside ? banner.change : banner.segment;
    if (!groups.has(name)) {
      const heading = beside ? { title: CHANGES[name], locale: "" } : { title: name, locale: banner.locale };
      groups.set(name, { ...heading, parts: new Map() });
    }
    const { parts } = groups.get(name);
    if (!parts.has(banner.size)) {
      const shape = shapeOf(banner.size, beside && name !== "same");
      parts.set(banner.size, { title: banner.size.replace("x", " × "), ...shape, items: [] });
    }
    parts.get(banner.size).items.push(index);
  }
  const names = beside ? Object.keys(CHANGES).filter((name) => groups.has(name)) : [...groups.keys()];
  return names.map((name) => ({ ...groups.get(name), parts: [...groups.get(name).parts.values()] }));
}

let shownNow = [];

function applyFilters() {
  const wanted = Object.fromEntries(choices.map((name) => [name, field(name).value]));
  const words = field("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  shownNow = banners.flatMap((banner, index) => (fits(banner, index, wanted, words) ? [index] : []));
  grid.show(groupsOf(shownNow));
  for (const name of [...choices, "order"]) field(name).classList.toggle("on", Boolean(field(name).value));
  for (const button of all(".count[data-status]")) {
    button.setAttribute("aria-pressed", String(button.dataset.status === wanted.status));
  }
  const total = banners.filter((banner) => isBeside() || banner.change !== "gone").length;
  at("clear").hidden = !words.length && choices.every((name) => !wanted[name]);
  at("nothing").hidden = shownNow.length > 0 || banners.length === 0;
  at("shown").textContent = `${number(shownNow.length)} of ${number(total)} shown`;
  paintBar();
}

filters.addEventListener("input", applyFilters);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(applyFilters));
for (const button of all("[data-status], [data-change]")) {
  button.addEventListener("click", () => {
    const { status = "", reason = "", change } = button.dataset;
    field("status").value = status;
    field("reason").value = reason;
    field("change").value = change ?? "";
    if (change) field("order").value = "changes";
    applyFilters();
    if (at("banners").getBoundingClientRect().top > innerHeight * 0.7) filters.scrollIntoView();
  });
}

const surrounds = ["auto", "light", "dark"];
at("surround").addEventListener("click", (event) => {
  const current = document.documentElement.dataset.surround ?? "auto";
  const next = surrounds[(surrounds.indexOf(current) + 1) % surrounds.length];
  document.documentElement.dataset.surround = next;
  event.currentTarget.title = `Surround: ${next}`;
  event.currentTarget.setAttribute("aria-label", event.currentTarget.title);
});

/* Marks */

function say(words) {
  at(box.isOpen() ? "box-said" : "said").textContent = words;
}

function refusal({ offer, decided, key }) {
  if (offer === "out") return decided || "It goes live by itself: no approval is needed.";
  if (offer === "approve") return decided || "It is not live: nothing is to be kept out.";
  return key ? "Gone since the earlier run." : "There is no picture to decide on.";
}

/* Marks a banner for what it offers, takes the mark back, or says why neither can be. */
function decide(index, asked) {
  const { offer } = banners[index];
  if (offer !== asked) {
    say(refusal(banners[index]));
    return;
  }
  marks.toggle(index);
  const done = marks.has(index) ? DONE[offer] : "Taken back";
  say(`${done}: ${banners[index].product}. ${marks.told() || "Nothing marked"}.`);
}

const waitingHere = () => shownNow.filter((index) => banners[index].offer === "approve" && !marks.has(index));

function paintBar() {
  const waiting = banners.filter((banner, index) => reads.waits(banner) && !marks.has(index)).length;
  approvals.hidden = banners.every((banner) => !banner.offer);
  at("marked").textContent = marks.told() || "Nothing marked";
  at("waiting").textContent = waiting ? `${number(waiting)} ${waiting === 1 ? "waits" : "wait"} for approval` : "";
  approvals.classList.toggle("idle", marks.size() === 0);
  at("take-back").hidden = marks.size() === 0;
  at("show-waiting").hidden = waiting === 0 || field("decision").value === "waits";
  const more = waitingHere().length;
  at("approve-shown").hidden = more < 2 || at("clear").hidden; // never a whole night in one go
  at("approve-shown").textContent = `Approve the ${number(more)} shown`;
}

function paintMarks() {
  for (const tile of grid.tiles()) {
    const index = Number(tile.dataset.index);
    tile.classList.toggle("marked", marks.has(index));
    const button = tile.querySelector(".decide");
    if (button) paintDecide(button, index);
  }
  box.paint();
  at("saved").textContent = marks.isKept() ? "" : "This browser keeps no marks: save the file before you leave.";
  at("saved").className = "saved";
  paintBar();
}

const who = approvals.elements.namedItem("who");
who.value = marks.who();
who.addEventListener("input", () => who.removeAttribute("aria-invalid"));
at("show-waiting").addEventListener("click", () => {
  filters.reset();
  setTimeout(() => {
    field("decision").value = "waits"; // after the filters' own answer to the reset
    applyFilters();
    if (shownNow.length) grid.focus(shownNow[0]);
  });
});
at("approve-shown").addEventListener("click", () => {
  marks.add(waitingHere());
  say(`${marks.told()}.`);
});
at("take-back").addEventListener("click", () => {
  marks.clear();
  say("All taken back.");
  at("banners").focus({ preventScroll: true }); // the button that had the focus is gone
});
approvals.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!who.checkVisibility()) {
    approvals.classList.add("open"); // a phone shows the rest of the bar only now
    who.focus();
    return;
  }
  const name = who.value.trim();
  if (!name) {
    who.setAttribute("aria-invalid", "true");
    at("saved").textContent = "Write your name: it is kept with every approval.";
    at("saved").className = "saved wrong";
    say(at("saved").textContent);
    who.focus();
    return;
  }
  marks.keepWho(name);
  approvals.classList.remove("open");
  const file = marks.save(name);
  const command = element("code", "", `banners approve CAMPAIGN --from ${file}`);
  at("saved").className = "saved";
  at("saved").replaceChildren("Saved. Nothing is live yet: ", command);
  say(`Saved as ${file}.`);
});

/* Keys */

const keysDialog = at("keys");
const showKeys = () => keysDialog.showModal();
at("help").addEventListener("click", showKeys);
keysDialog.querySelector("button").addEventListener("click", () => keysDialog.close());

function pressOnSheet(key, target) {
  const tile = target.closest(".tile");
  if (key === "/") field("find").focus();
  else if (key === "?") showKeys();
  else if (tile && (key === "a" || key === "x")) decide(Number(tile.dataset.index), key === "a" ? "approve" : "out");
  else return Boolean(tile) && grid.move(tile, key);
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keysDialog.open) return;
  if (event.target.matches("input, select")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (box.isOpen() ? box.press(key) : pressOnSheet(key, event.target)) event.preventDefault();
});

paintMarks();
applyFilters();
