// Who can see a dataset: everyone, or the members chosen here.

import * as api from "./api.js";
import { announce, button, fill, h, modal, problemBox } from "./dom.js";

/**
 * @typedef {(base: string) => Promise<unknown>} Call
 * @typedef {(call: Call, announcement: string) => Promise<void>} Change
 */

/** @param {Dataset} dataset */
export function openMembers(dataset) {
  const address = `/v1/datasets/${dataset.id}`;
  const base = `${address}/members`;
  const body = h("div", { class: "dialog-body members" });
  const errors = h("div");
  /** @param {string} [announcement] */
  const draw = async (announcement) => {
    const access = await api.getAll(base);
    fill(
      body,
      sharing(access, change),
      access.shared ? null : people(access.items, await candidates(address), change),
      errors,
    );
    if (announcement) announce(announcement);
  };
  /**
   * Make one call and reload; the focus stays where it was if that element is still there.
   * @param {Call} call
   * @param {string} announcement
   */
  const change = async (call, announcement) => {
    const focused = document.activeElement?.id;
    fill(errors);
    try {
      await call(base);
      await draw(announcement);
    } catch (problem) {
      fill(errors, problemBox(problem));
    }
    ((focused && document.getElementById(focused)) || dialog).focus();
  };
  const dialog = modal(`Who can see ${dataset.name}`, body);
  dialog.tabIndex = -1;
  draw().catch((problem) => fill(body, problemBox(problem)));
}

/**
 * Who could be added.
 * @param {string} dataset its address
 * @returns {Promise<Api.PersonWithRole[]>}
 */
const candidates = async (dataset) => (await api.getAll(`${dataset}/member-candidates`)).items;

/**
 * @param {Api.MemberPage} options
 * @param {Change} change
 */
function sharing({ shared }, change) {
  /**
   * @param {string} id
   * @param {boolean} value
   * @param {string} title
   * @param {string} meaning
   */
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
    h("legend", { class: "visually-hidden" }, "Who can see the dataset"),
    choice("share-all", true, "Everyone", "All current and future users"),
    choice("share-some", false, "People I choose", "Admins can always see every dataset"),
  );
}

/**
 * @param {Api.MemberRead[]} members
 * @param {Api.PersonWithRole[]} others
 * @param {Change} change
 */
function people(members, others, change) {
  /** @param {string} key */
  const add = (key) => change((base) => api.put(`${base}/${encodeURIComponent(key)}`), "Added.");
  const select = h(
    "select",
    { id: "new-member" },
    others.map((member) => h("option", { value: member.id }, `${member.name}, ${member.role}`)),
  );
  return h(
    "section",
    { class: "fields" },
    members.length
      ? h(
          "ul",
          { class: "member-list", "aria-label": "Members" },
          members.map((member) =>
            h(
              "li",
              { class: "row" },
              h("span", { dir: "auto" }, member.name),
              h("span", { class: "quiet small" }, member.role),
              button(
                "Remove",
                () =>
                  change(
                    (base) => api.remove(`${base}/${encodeURIComponent(member.id ?? "")}`),
                    "Removed.",
                  ),
                { class: "link-button", "aria-label": `Remove ${member.name}` },
              ),
            ),
          ),
        )
      : h("p", { class: "quiet" }, "Only admins can see it so far."),
    others.length
      ? [
          h("label", { for: "new-member" }, "Add a person"),
          h(
            "div",
            { class: "with-button" },
            select,
            button("Add", () => add(select.value)),
          ),
        ]
      : h("p", { class: "quiet small" }, "There is no one else to add."),
  );
}
