"use strict";
// A slider over each exam fades its heat maps; without this script they are shown as strong as in the overlays.
for (const slider of document.querySelectorAll(".slider")) {
  const input = slider.querySelector("input"), exam = slider.closest(".exam");
  const fade = () => exam.style.setProperty("--heat", input.value / 100);
  input.addEventListener("input", fade);
  slider.hidden = false;
  fade();
}
