// The review view: one sample at a time, decided by one key, the next one already here.

import * as api from "./api.js";
import { choicesOf, decisionPanel, evidencePanel } from "./decision.js";
import { announce, button, fill, h, problemBox } from "./dom.js";
import { openExport } from "./export.js";
import { percent } from "./format.js";
import { openStory } from "./story.js";
import { openHelp, shortcutsOn } from "./help.js";
import { notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { filterBar, filterFromAddress, reviewHead } from "./reviewhead.js";
import { forgetPicture, sampleView } from "./sample.js";
import { openSearch } from "./search.js";
import { endView, waitingView } from "./ending.js";
import { Tally } from "./tally.js";

const REMEMBERED = 100; // decisions that can be undone one by one
const REFRESH_MS = 30_000;

export async function show(main, { id }) {
  fill(main, waitingView());
  const audit = await api.get(`/v1/audits/${id}`);
  const dataset = await api.get(`/v1/datasets/${audit.dataset_id}`);
  document.title = `Review ${dataset.name} · labelaudit`;
  if (audit.status !== "completed") {
    fill(main, reviewHead(dataset, id, "review"), waitingView(audit));
    if (["queued", "running"].includes(audit.status)) {
      await api.follow(
        id,
        (event) => event.status === "completed" && location.reload(),
        new AbortController().signal,
      );
    }
    return;
  }
  const summary = await api.get(`/v1/audits/${id}/summary`);
  new Review(main, dataset, summary).start();
}

class Review {
  constructor(main, dataset, summary) {
    this.dataset = dataset;
    this.auditId = summary.audit_id;
    this.filter = filterFromAddress();
    this.current = null;
    this.history = [];
    this.tally = new Tally(this.auditId);
    this.tally.set(summary);
    this.queue = new Queue(this.auditId, this.filter, { onLost: (item) => this.#lost(item) });
    this.outbox = new Outbox(this.auditId, {
      onChange: () => this.#showNotices(),
    });
    this.stage = h("div", { class: "stage" });
    this.notices = h("div", { class: "notices" });
    fill(
      main,
      h(
        "div",
        { class: "review" },
        reviewHead(
          dataset,
          this.auditId,
          "review",
          button("Export …", () => openExport(dataset), { class: "link-button" }),
          button("History (h)", () => this.#story(), { class: "link-button" }),
          button("Keys (?)", openHelp, { class: "link-button" }),
        ),
        h("div", { class: "review-strip" }, filterBar(this.filter, summary), this.tally.element),
        this.notices,
        this.stage,
      ),
    );
  }

  async start() {
    document.addEventListener("keydown", (event) => this.#key(event));
    window.addEventListener("pagehide", () => {
      this.outbox.leave();
      this.queue.release();
    });
    // A page that comes back from the browser's cache holds no lease any more.
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    window.addEventListener(
      "beforeunload",
      (event) => this.outbox.trouble && event.preventDefault(),
    );
    setInterval(() => this.#refreshCounts(), REFRESH_MS);
    this.#showNotices();
    this.outbox.flush();
    this.tally.readLog().catch(() => {});
    const wanted = new URLSearchParams(location.search).get("sample");
    if (wanted === null) await this.#next();
    else await this.#open(wanted);
  }

  /** One sample that was asked for by its id, decided or not; the queue goes on behind it. */
  async #open(sampleId) {
    const path = `/v1/audits/${this.auditId}/suspects/${encodeURIComponent(sampleId)}`;
    try {
      this.current = await api.get(path);
    } catch (problem) {
      fill(this.stage, problemBox(problem, { actions: [this.#again()] }));
      return;
    }
    this.queue.shown.set(this.current.sample_id, this.current); // not served a second time
    this.#draw();
    this.#refillBehind();
  }

  async #next() {
    this.current = this.queue.take();
    if (this.current) {
      this.#draw();
      this.#refillBehind();
      return;
    }
    fill(this.stage, waitingView());
    try {
      await this.queue.refill();
    } catch (problem) {
      fill(this.stage, problemBox(problem, { actions: [this.#again()] }));
      return;
    }
    this.current = this.queue.take();
    if (this.current) this.#draw();
    else await this.#end();
  }

  #refillBehind() {
    if (this.queue.exhausted && this.queue.ahead.length) return;
    this.queue.refill().catch(() => {}); // asked for again, and shown, once nothing is left here
  }

  #again() {
    return h(
      "button",
      { class: "button primary", type: "button", on: { click: () => this.#next() } },
      "Try again",
    );
  }

  async #end() {
    await this.outbox.flush();
    try {
      this.tally.set(await api.get(`/v1/audits/${this.auditId}/summary`));
    } catch {
      // the counts as they stand here are near enough
    }
    fill(
      this.stage,
      endView({
        tally: this.tally,
        filter: this.filter,
        dataset: this.dataset,
        auditId: this.auditId,
        again: () => this.queue.release().then(() => this.#next()),
        undo: this.history.length ? () => this.undo() : null,
      }),
    );
    announce("The end of the queue. Nothing is left to review here.");
  }

  #draw() {
    const item = this.current;
    const focused = document.activeElement?.dataset?.key;
    this.choices = choicesOf(item, this.dataset.class_names);
    fill(
      this.stage,
      h("section", { class: "sample", "aria-label": "Sample", tabindex: "-1" }, sampleView(item)),
      decisionPanel(item, this.choices, (verdict, label) => this.act(verdict, label)),
      evidencePanel(this.auditId, item, this.dataset.class_names),
    );
    // Whoever works with Tab and Enter stays on the same button from sample to sample.
    if (focused)
      this.stage
        .querySelector(`[data-key="${CSS.escape(focused)}"]`)
        ?.focus({ preventScroll: true });
    const suggestion =
      item.suggested_label === null
        ? "no suggestion"
        : `suggested ${item.suggested_label}, ${percent(item.suggested_label_confidence)}`;
    this.#say(
      `Rank ${item.rank}, ${item.tier}. Given ${item.given_label}; ${suggestion}. ${percent(item.p_wrong)} probably wrong.`,
    );
  }

  #say(text) {
    announce(this.spoken ? `${this.spoken} ${text}` : text);
    this.spoken = "";
  }

  act(verdict, label) {
    if (verdict === "undo") return this.undo();
    if (!this.current) return undefined;
    if (verdict === "search") {
      return openSearch(this.dataset.class_names, this.current, (name) => this.#choose(name));
    }
    return this.#decide(verdict, label);
  }

  #choose(name) {
    if (name === this.current.given_label) this.#decide("keep", name);
    else if (name === this.current.suggested_label) this.#decide("accept_suggestion", name);
    else this.#decide("relabel", name);
  }

  #decide(verdict, label) {
    const item = this.current;
    const correction = { sample_id: item.sample_id, verdict };
    if (verdict === "relabel") correction.corrected_label = label;
    if (item.lease) correction.lease_id = item.lease.lease_id;
    if (item.correction_id && item.state === "decided") correction.supersedes = item.correction_id;
    this.queue.forget(item);
    this.history.push({ item, verdict, label, operation: this.outbox.submit(correction) });
    if (this.history.length > REMEMBERED) forgetPicture(this.history.shift().item);
    this.tally.count(item, verdict, label, 1);
    this.spoken =
      { keep: `Kept ${label}.`, exclude: "Excluded.", skip: "Skipped." }[verdict] ??
      `Changed to ${label}.`;
    this.#next();
  }

  undo() {
    const last = this.history.pop();
    if (!last) return announce("Nothing to undo.");
    const unsent = this.outbox.undo(last.operation);
    if (unsent) this.queue.keep(last.item);
    else last.item.lease = null; // given up when the decision was stored
    this.tally.count(last.item, last.verdict, last.label, -1);
    this.queue.putBack(this.current);
    this.current = last.item;
    this.spoken = "Undone.";
    return this.#draw();
  }

  #lost(item) {
    if (item !== this.current) return;
    item.lease = null;
    announce("Your hold on this sample ran out; somebody else may decide it too.");
  }

  #showNotices() {
    notices(this.notices, this.outbox);
  }

  async #refreshCounts() {
    if (document.hidden || this.outbox.operations.length) return;
    try {
      const summary = await api.get(`/v1/audits/${this.auditId}/summary`);
      if (!this.outbox.operations.length) this.tally.set(summary);
    } catch {
      // next time
    }
  }

  #story() {
    if (this.current) openStory(this.auditId, this.current.sample_id);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (!this.stage.isConnected || document.querySelector("dialog[open]")) return;
    if (event.target.closest?.("input:not([type=range]), textarea, select")) return;
    if (event.key === "?") return openHelp();
    if (!shortcutsOn()) return undefined;
    const choice = /^[1-9]$/.test(event.key) ? this.choices?.[Number(event.key) - 1] : null;
    const acts = {
      k: () => this.act("keep", this.current?.given_label),
      x: () => this.act("exclude", null),
      s: () => this.act("skip", null),
      u: () => this.undo(),
      h: () => this.#story(),
      "/": () => this.act("search"),
    };
    const act = choice
      ? () => this.act(choice.verdict, choice.label)
      : acts[event.key.toLowerCase()];
    if (!act) return undefined;
    event.preventDefault();
    return act();
  }
}
