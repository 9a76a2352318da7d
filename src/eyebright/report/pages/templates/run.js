// The images behind the cells of the confusion matrix, and the arrow keys in it.
{
  const { images, cells } = JSON.parse(document.getElementById("shown").textContent);
  const dialog = document.getElementById("images");
  const list = document.getElementById("images-list");

  const inSvg = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const tile = ([id, width, height, name, confidence]) => {
    const item = document.createElement("li"), figure = document.createElement("figure");
    const picture = inSvg("svg", { class: width < 64 ? "picture pixels" : "picture", viewBox: `0 0 ${width} ${height}`,
      role: "img", "aria-label": name });
    const caption = document.createElement("figcaption"), file = document.createElement("span");
    picture.append(inSvg("use", { href: `#${id}` }));
    file.className = "file";
    file.textContent = file.title = name;
    caption.append(confidence, file);
    figure.append(picture, caption);
    item.append(figure);
    item.className = "shot";
    return item;
  };

  const open = (cell, title, count) => {
    const shown = cells[cell] || [];
    document.getElementById("images-title").textContent = title;
    document.getElementById("images-more").textContent =
      shown.length < count ? `${shown.length ? "The first " : ""}${shown.length} of ${count} images are in this page.` : "";
    list.replaceChildren(...shown.map((number) => tile(images[number])));
    dialog.showModal();
  };

  for (const button of document.querySelectorAll("[data-cell]")) {
    const words = button.dataset.title || button.getAttribute("aria-label");
    const count = Number(button.textContent.replaceAll(",", "").match(/\d+/)[0]);
    button.setAttribute("aria-haspopup", "dialog");
    button.addEventListener("click", () => open(button.dataset.cell, words, count));
  }
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // One stop of the tab key for the whole matrix; the arrow keys go on to the next count.
  const buttons = [...document.querySelectorAll(".matrix button")];
  buttons.forEach((button, number) => { button.tabIndex = number ? -1 : 0; });
  const place = (button) => [button.closest("tr").rowIndex, button.parentElement.cellIndex];
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  document.querySelector(".matrix")?.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || !event.target.matches("button")) return;
    event.preventDefault();
    const [down, across] = steps[event.key], [line, column] = place(event.target);
    const ahead = buttons.filter((button) => {
      const [row, cell] = place(button);
      return down ? cell === column && (row - line) * down > 0 : row === line && (cell - column) * across > 0;
    });
    const next = down + across > 0 ? ahead[0] : ahead.at(-1);
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
