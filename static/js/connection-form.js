// Shows only the fields of the chosen kind and way to sign in. Without this script all are shown
// under their headings, and the server says which do not belong.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const watched = { kind: "for-kind-", auth_method: "for-auth-" };

  const apply = (field, prefix) => {
    for (const fieldset of document.querySelectorAll(`fieldset[class*="${prefix}"]`)) {
      const shown = fieldset.classList.contains(prefix + field.value);
      fieldset.hidden = !shown;
      // What is not shown is not sent.
      fieldset.disabled = !shown;
    }
  };

  for (const [name, prefix] of Object.entries(watched)) {
    const field = document.getElementById(`id_${name}`);
    if (!field) continue;
    field.addEventListener("change", () => apply(field, prefix));
    apply(field, prefix);
  }
});
