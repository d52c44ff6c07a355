"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const { banners, photos, root } = JSON.parse(at("data").textContent);
  const filters = at("filters");
  const field = (name) => filters.elements.namedItem(name);
  const choices = ["segment", "size", "design", "status", "reason"];
  const tiles = all(".tile");
  const bannerOf = (tile) => banners[Number(tile.dataset.index)];
  const searchable = banners.map((b) => `${b.product} ${b.photoKey}`.toLowerCase());

  /* Filters */

  const fits = (banner, index, wanted, words) =>
    ["segment", "size", "design", "status"].every((name) => !wanted[name] || banner[name] === wanted[name]) &&
    (!wanted.reason || banner.reasons.includes(wanted.reason)) &&
    words.every((word) => searchable[index].includes(word));

  function applyFilters() {
    const wanted = Object.fromEntries(choices.map((name) => [name, field(name).value]));
    const words = field("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const tile of tiles) {
      tile.hidden = !fits(bannerOf(tile), Number(tile.dataset.index), wanted, words);
      shown += tile.hidden ? 0 : 1;
    }
    for (const group of all(".size, .segment")) {
      const number = all(".tile:not([hidden])", group).length;
      group.hidden = number === 0;
      group.querySelector(".tally").textContent = `${number.toLocaleString("en")} ${number === 1 ? "banner" : "banners"}`;
    }
    for (const name of choices) field(name).classList.toggle("on", Boolean(wanted[name]));
    for (const button of all(".count[data-status]")) {
      button.setAttribute("aria-pressed", String(button.dataset.status === wanted.status));
    }
    at("clear").hidden = !words.length && choices.every((name) => !wanted[name]);
    at("nothing").hidden = shown > 0 || tiles.length === 0;
    at("shown").textContent = `${shown.toLocaleString("en")} of ${tiles.length.toLocaleString("en")} shown`;
  }

  filters.addEventListener("input", applyFilters);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(applyFilters));
  for (const button of all("[data-status]")) {
    button.addEventListener("click", () => {
      field("status").value = button.dataset.status;
      field("reason").value = button.dataset.reason ?? "";
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

  /* The large view */

  const box = at("box");
  const stage = at("stage");
  const picture = at("picture");
  const views = all("[data-view]", box);
  const backs = all("[data-back]", box);
  let open = null;
  let view = "banner";
  let back = "checks";

  const visible = () => tiles.filter((tile) => !tile.hidden);

  function source(banner, wanted) {
    const photo = photos[banner.photo] ?? { original: "", cutout: "" };
    if (wanted === "original") return photo.original;
    if (wanted === "cutout" || wanted === "alpha") return photo.cutout;
    return banner.href ? root + banner.href : thumbnail();
  }

  const thumbnail = () => open.querySelector("img")?.src ?? "";

  function showView() {
    const banner = bannerOf(open);
    const src = source(banner, view);
    for (const button of views) {
      button.disabled = button.dataset.view !== "banner" && !source(banner, button.dataset.view);
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    for (const button of backs) button.setAttribute("aria-pressed", String(button.dataset.back === back));
    at("backs").hidden = view !== "cutout";
    stage.className = view === "alpha" ? "stage alpha" : "stage";
    stage.classList.toggle("actual", at("actual").getAttribute("aria-pressed") === "true");
    if (view === "cutout") stage.dataset.back = back;
    else delete stage.dataset.back;
    picture.hidden = !src;
    picture.alt = `${banner.product}, ${view}`;
    if (src) picture.src = src;
    else picture.removeAttribute("src");
    at("hole").hidden = Boolean(src);
    at("hole").textContent = view !== "banner" ? "Not on this sheet." : banner.words || "The banner's file is not in the store.";
    at("box-note").textContent = "";
  }

  picture.addEventListener("error", () => {
    if (view !== "banner" || !open || picture.src === thumbnail()) return;
    picture.src = thumbnail();
    at("box-note").textContent = "The full-size file is not beside this sheet; this is its thumbnail.";
  });

  function tell(banner) {
    const rows = [
      ["Segment", banner.segment],
      ["Design", banner.design],
      ["Size", banner.size.replace("x", " × ")],
      ["Language", banner.locale],
      ["Weight", banner.weight],
      ["Made in", banner.kept ? "an earlier run" : banner.seconds],
      ["Cut-out", banner.confidence && `${banner.confidence} sure`],
      ["Photo", banner.photoKey],
      ["File", banner.key],
    ];
    at("facts").replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => {
      const term = document.createElement("dt");
      const told = document.createElement("dd");
      term.textContent = name;
      told.dir = "auto";
      if (name === "File" && banner.href) {
        const link = document.createElement("a");
        link.href = root + banner.href;
        link.target = "_blank";
        link.rel = "noopener";
        link.textContent = value;
        told.append(link);
      } else {
        told.textContent = value;
      }
      return [term, told];
    }));
  }

  function show(tile) {
    open = tile;
    const banner = bannerOf(tile);
    if (view !== "banner" && !source(banner, view)) view = "banner";
    at("box-title").textContent = banner.product;
    at("box-state").className = `state ${banner.status}`;
    const mark = document.createElement("i");
    mark.className = "mark";
    at("box-state").replaceChildren(mark, banner.words ? `${banner.state}: ${banner.words}` : banner.state);
    at("box-detail").textContent = banner.detail;
    tell(banner);
    const list = visible();
    const place = list.indexOf(tile);
    at("position").textContent = `${(place + 1).toLocaleString("en")} of ${list.length.toLocaleString("en")}`;
    at("previous").disabled = place <= 0;
    at("next").disabled = place >= list.length - 1;
    showView();
    if (!box.open) box.showModal();
  }

  function step(by) {
    const list = visible();
    const next = list[list.indexOf(open) + by];
    if (next) show(next);
  }

  function choose(name) {
    const button = views.find((candidate) => candidate.dataset.view === name);
    if (button.disabled) return;
    view = name;
    showView();
  }

  function toggleActual() {
    at("actual").setAttribute("aria-pressed", String(!stage.classList.contains("actual")));
    stage.classList.toggle("actual");
  }

  /* Not on the dialog's own close event: it comes late enough to take the focus from what was pressed next. */
  function leave() {
    const button = open.querySelector(".open");
    box.close();
    button.scrollIntoView({ block: "nearest" });
    button.focus();
  }

  at("banners").addEventListener("click", (event) => {
    const button = event.target.closest(".open");
    if (button) show(button.closest(".tile"));
  });
  for (const button of views) button.addEventListener("click", () => choose(button.dataset.view));
  for (const button of backs) {
    button.addEventListener("click", () => {
      back = button.dataset.back;
      showView();
    });
  }
  at("actual").addEventListener("click", toggleActual);
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("close").addEventListener("click", leave);
  box.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!box.open) {
      if (event.key !== "/" || event.target.matches("input, select")) return;
      event.preventDefault();
      field("find").focus();
      return;
    }
    const act = {
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      1: () => choose("banner"),
      2: () => choose("original"),
      3: () => choose("cutout"),
      4: () => choose("alpha"),
      z: toggleActual,
      Escape: leave,
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  applyFilters();
})();
