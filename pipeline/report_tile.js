/* One banner's tile: its picture, or two with the earlier one beside it, what is wrong, what can be decided. */
const LABELS = { approve: "Approve", out: "Keep out" };
const DONE = { approve: "Approved", out: "Kept out" };

const makeTiles = ({ banners }, pictures, marks, isBeside) => {
  function paintDecide(button, index) {
    const { offer, product, design, size, segment } = banners[index];
    button.hidden = !offer;
    if (!offer) return;
    const marked = marks.has(index);
    const words = marked ? DONE[offer] : LABELS[offer];
    button.textContent = marked ? `✓ ${words}` : words;
    // There are many such buttons: each is named after its banner.
    button.setAttribute("aria-label", `${words}: ${product}, ${design}, ${size}, ${segment}`);
    button.dataset.offer = offer;
    button.setAttribute("aria-pressed", String(marked));
  }

  function labelOf(banner) {
    const state = banner.words ? `${banner.state}: ${banner.words}` : banner.state;
    const { product, design, variant, size, segment, decided, difference } = banner;
    return [product, design, variant, size, segment, state, decided, difference].filter(Boolean).join(", ");
  }

  function imageOf(banner, shown) {
    const [width, height] = banner.size.split("x").map(Number);
    if (shown?.picture === null || shown?.picture === undefined) {
      const words = !shown ? "—" : shown.status === "stored" ? "No picture in the store" : "Not made";
      const hole = element("span", "hole", element("span", "missing", words));
      hole.style.aspectRatio = `${width || 1} / ${height || 1}`;
      return hole;
    }
    const image = element("img");
    image.width = width || 1;
    image.height = height || 1;
    image.alt = "";
    image.decoding = "async";
    pictures.place(image, shown.picture);
    return image;
  }

  const captioned = (words, picture) => element("span", "half", picture, element("span", "caption", words));

  /* Side by side only what there are two of; what did not change says so and is shown once. */
  function picturesOf(banner, beside) {
    if (!beside || banner.change === "same") return [imageOf(banner, banner)];
    const gone = banner.change === "gone";
    const before = captioned("Before", imageOf(banner, gone ? banner : banner.before));
    return [before, captioned("Now", imageOf(banner, gone ? null : banner))];
  }

  function makeTile(index, isCurrent) {
    const banner = banners[index];
    const open = element("button", "open", ...picturesOf(banner, isBeside()));
    open.type = "button";
    open.setAttribute("aria-label", labelOf(banner));
    const product = element("b", "", banner.product);
    const design = element("span", "", banner.design);
    product.dir = design.dir = "auto";
    const tile = element("li", `tile ${banner.status}`, open, element("p", "name", product, " ", design));
    if (banner.change === "gone") tile.classList.add("gone");
    else if (banner.status !== "stored") {
      const words = element("span", "", banner.words || banner.state);
      tile.append(element("p", `state ${banner.status}`, element("i", "mark"), words));
    }
    if (banner.difference) tile.append(element("p", "difference", banner.difference));
    if (banner.decided) tile.append(element("p", "decided", banner.decided));
    if (banner.offer) {
      const decide = element("button", "decide");
      decide.type = "button";
      paintDecide(decide, index);
      tile.append(decide);
    }
    tile.dataset.index = index;
    tile.classList.toggle("marked", marks.has(index));
    for (const button of all("button", tile)) button.tabIndex = isCurrent ? 0 : -1;
    return tile;
  }

  return { makeTile, paintDecide };
};
