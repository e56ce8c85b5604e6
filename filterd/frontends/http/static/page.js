// Comfort only: everything works without it.
"use strict";

// A file dropped on the form is put into its file field.
for (const place of document.querySelectorAll("[data-drop]")) {
  const over = (on) => (event) => { event.preventDefault(); place.classList.toggle("over", on); };
  place.addEventListener("dragover", over(true));
  place.addEventListener("dragleave", over(false));
  place.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length) place.querySelector("input[type=file]").files = event.dataTransfer.files;
  });
}

// "Explain" goes to the verdict's own address.
for (const form of document.querySelectorAll("form[data-go]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.href = form.action + encodeURIComponent(form.elements.id.value.trim());
  });
}

// The overview renews itself while it is looked at.
const fresh = document.querySelector("[data-refresh]");
if (fresh) {
  setInterval(async () => {
    if (document.hidden || document.querySelector("details[open]")) return;
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("[data-refresh]");
    if (next) document.querySelector("[data-refresh]").replaceWith(next);
  }, Number(fresh.dataset.refresh) * 1000);
}
