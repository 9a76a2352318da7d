"use strict";

// Buttons that copy the command before them, where the browser lets a page do that.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}

// What is folded is printed too.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) folded.dataset.folded = folded.open = true;
});
addEventListener("afterprint", () => {
  for (const folded of document.querySelectorAll("details[data-folded]")) folded.removeAttribute("open");
});
