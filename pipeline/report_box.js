/* The large view: one banner with its photo, cut-out and earlier self, and all that is known of it.
   `order` gives the banners that can be stepped through, `decide` marks one, `left` is told where it ended. */
const makeBox = ({ banners, photos, root }, pictures, { order, decide, paintDecide, left }) => {
  const at = (id) => document.getElementById(id);
  const box = at("box");
  const stage = at("stage");
  const picture = at("picture");
  const views = [...box.querySelectorAll("[data-view]")];
  const backs = [...box.querySelectorAll("[data-back]")];
  let open = -1;
  let view = "banner";
  let back = "checks";

  const uri = (number) => (number === null || number === undefined ? "" : pictures.picture(number) ?? "");
  const fullSize = (shown) => (shown.href ? root + shown.href : uri(shown.picture));

  function source(banner, wanted) {
    const photo = photos[banner.photo] ?? { original: null, cutout: null };
    if (wanted === "original") return uri(photo.original);
    if (wanted === "cutout" || wanted === "alpha") return uri(photo.cutout);
    if (wanted === "before") return banner.before ? fullSize(banner.before) || uri(banner.before.picture) : "";
    return fullSize(banner);
  }

  function has(banner, wanted) {
    if (wanted === "before") return banner.change === "changed";
    return wanted === "banner" || Boolean(source(banner, wanted));
  }

  function put(image, src, alt) {
    image.hidden = !src;
    image.alt = alt;
    if (src) image.src = src;
    else image.removeAttribute("src");
  }

  function showView() {
    const banner = banners[open];
    const beside = view === "before";
    const src = source(banner, beside ? "banner" : view);
    for (const button of views) {
      button.disabled = !has(banner, button.dataset.view);
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
    }
    for (const button of backs) button.setAttribute("aria-pressed", String(button.dataset.back === back));
    at("backs").hidden = view !== "cutout";
    stage.className = view === "alpha" ? "stage alpha" : beside ? "stage beside" : "stage";
    stage.classList.toggle("actual", at("actual").getAttribute("aria-pressed") === "true");
    if (view === "cutout") stage.dataset.back = back;
    else delete stage.dataset.back;
    at("earlier").hidden = at("now").hidden = !beside;
    if (beside) {
      put(at("earlier-picture"), source(banner, "before"), `${banner.product}, before`);
      const { state, words } = banner.before;
      at("earlier-words").textContent = words ? `: ${state}, ${words}` : "";
    }
    put(picture, src, `${banner.product}, ${beside ? "now" : view}`);
    at("hole").hidden = Boolean(src);
    const missing = banner.words || "The banner's file is not in the store.";
    at("hole").textContent = view === "banner" || beside ? missing : "Not on this sheet.";
    at("box-note").textContent = "";
  }

  /* Full-size files lie beside the sheet; a sheet that was mailed has its thumbnails only. */
  function fallBack(image, wanted, number) {
    const small = uri(number);
    if (open < 0 || !wanted.includes(view) || !small || image.src === small) return;
    image.src = small;
    at("box-note").textContent = "The full-size file is not beside this sheet; this is its thumbnail.";
  }
  picture.addEventListener("error", () => fallBack(picture, ["banner", "before"], banners[open]?.picture));
  const earlier = at("earlier-picture");
  earlier.addEventListener("error", () => fallBack(earlier, ["before"], banners[open]?.before?.picture));

  function tell(banner) {
    const rows = [
      ["Segment", banner.segment],
      ["Design", banner.design],
      ["Variant", banner.variant],
      ["Size", banner.size.replace("x", " × ")],
      ["Language", banner.locale],
      ["Weight", banner.weight],
      ["Made in", banner.kept ? "an earlier run" : banner.seconds],
      ["Cut-out", banner.confidence && `${banner.confidence} sure`],
      ["Photo", banner.photoKey],
      ["File", banner.key],
    ];
    at("facts").replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => {
      const told = element("dd", "", value);
      told.dir = "auto";
      if (name === "File" && banner.href) {
        const link = element("a", "", value);
        link.href = root + banner.href;
        link.target = "_blank";
        link.rel = "noopener";
        told.replaceChildren(link);
      }
      return [element("dt", "", name), told];
    }));
  }

  function paint() {
    if (open >= 0) paintDecide(at("box-decide"), open);
  }

  function show(index) {
    open = index;
    const banner = banners[index];
    if (!has(banner, view)) view = "banner";
    at("box-title").textContent = banner.product;
    at("box-state").className = `state ${banner.status}`;
    const ended = banner.why.length || !banner.words ? banner.state : `${banner.state}: ${banner.words}`;
    const state = banner.change === "gone" ? "Gone since the earlier run" : ended;
    at("box-state").replaceChildren(element("i", "mark"), state);
    at("box-why").replaceChildren(...banner.why.map((reason) => element("li", "", reason)));
    at("box-detail").textContent = banner.detail;
    at("box-change").textContent = banner.difference && `Changed: ${banner.difference}`;
    at("box-decided").textContent = banner.decided;
    paint();
    tell(banner);
    const all = order();
    const place = all.indexOf(index);
    at("position").textContent = `${(place + 1).toLocaleString("en")} of ${all.length.toLocaleString("en")}`;
    at("previous").disabled = place <= 0;
    at("next").disabled = place >= all.length - 1;
    showView();
    if (!box.open) box.showModal();
  }

  function step(by) {
    const all = order();
    const next = all[all.indexOf(open) + by];
    if (next === undefined) return;
    show(next);
    /* A button that has just been disabled lets go of the focus, and with it of all keys. */
    if (document.activeElement === document.body) at("close").focus();
    const { product, design } = banners[next];
    at("box-said").textContent = `${at("position").textContent}: ${product}, ${design}, ${at("box-state").textContent}`;
  }

  function choose(name) {
    const button = views.find((candidate) => candidate.dataset.view === name);
    if (!button || button.disabled) return;
    view = name;
    showView();
  }

  function toggleActual() {
    at("actual").setAttribute("aria-pressed", String(!stage.classList.contains("actual")));
    stage.classList.toggle("actual");
  }

  /* Not on the dialog's own close event: it comes late enough to take the focus from what was pressed next. */
  function leave() {
    const last = open;
    open = -1;
    box.close();
    left(last);
  }

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
  at("box-decide").addEventListener("click", () => decide(open, banners[open].offer));
  box.addEventListener("cancel", (event) => {
    event.preventDefault();
    leave();
  });

  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    1: () => choose("banner"),
    2: () => choose("original"),
    3: () => choose("cutout"),
    4: () => choose("alpha"),
    5: () => choose("before"),
    a: () => decide(open, "approve"),
    x: () => decide(open, "out"),
    z: toggleActual,
    Escape: leave,
  };

  return {
    show,
    paint,
    isOpen: () => box.open,
    /* Whether the key meant something here. */
    press(key) {
      const act = keys[key];
      act?.();
      return Boolean(act);
    },
  };
};
