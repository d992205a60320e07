// Who sees a dataset: everybody of the organisation, or the people chosen here.

import * as api from "./api.js";
import { announce, button, fill, h, modal, problemBox } from "./dom.js";

export function openMembers(dataset) {
  const base = `/v1/datasets/${dataset.id}/members`;
  const body = h("div", { class: "dialog-body members" });
  const fault = h("div");
  const draw = async (said) => {
    const known = await api.get(base);
    fill(body, sharing(known, change), known.shared ? null : people(known, change), fault);
    if (said) announce(said);
  };
  /** One call, then everything as the server has it; the focus stays where it can. */
  const change = async (call, said) => {
    const focused = document.activeElement?.id;
    fill(fault);
    try {
      await call(base);
      await draw(said);
    } catch (problem) {
      fill(fault, problemBox(problem));
    }
    (focused && document.getElementById(focused) || dialog).focus();
  };
  const dialog = modal(`Who sees ${dataset.name}`, body);
  dialog.tabIndex = -1;
  draw().catch((problem) => fill(body, problemBox(problem)));
}

function sharing({ shared }, change) {
  const choice = (id, value, title, meaning) =>
    h(
      "label",
      { class: "choice-line" },
      h("input", {
        type: "radio",
        name: "shared",
        id,
        checked: shared === value,
        on: {
          change: () => change((base) => api.patch(base, { shared: value }), `${title}.`),
        },
      }),
      h("span", {}, h("strong", {}, title), h("span", { class: "quiet small block" }, meaning)),
    );
  return h(
    "fieldset",
    {},
    h("legend", { class: "visually-hidden" }, "Who sees the dataset"),
    choice("share-all", true, "Everybody here", "All who have a key, now or later"),
    choice("share-some", false, "People I choose", "Admins see every dataset in any case"),
  );
}

function people({ members, others }, change) {
  const add = (key) => change((base) => api.put(`${base}/${encodeURIComponent(key)}`), "Added.");
  const select = h(
    "select",
    { id: "new-member" },
    others.map((one) => h("option", { value: one.key_id }, `${one.name}, ${one.role}`)),
  );
  return h(
    "section",
    { class: "fields" },
    members.length
      ? h(
          "ul",
          { class: "member-list", "aria-label": "Members" },
          members.map((one) =>
            h(
              "li",
              { class: "row" },
              h("span", { dir: "auto" }, one.name),
              h("span", { class: "quiet small" }, one.role),
              button(
                "Remove",
                () => change((base) => api.remove(`${base}/${encodeURIComponent(one.key_id)}`), "Removed."),
                { class: "link-button", "aria-label": `Remove ${one.name}` },
              ),
            ),
          ),
        )
      : h("p", { class: "quiet" }, "Nobody but admins yet."),
    others.length
      ? [
          h("label", { for: "new-member" }, "Add a person"),
          h("div", { class: "with-button" }, select, button("Add", () => add(select.value))),
        ]
      : h("p", { class: "quiet small" }, "There is nobody else to add."),
  );
}
