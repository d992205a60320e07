// The review view: one sample at a time, decided by one key, the next one already here.

import * as api from "./api.js";
import { choicesOf, decisionPanel, evidencePanel } from "./decision.js";
import { announce, button, fill, h, problemBox } from "./dom.js";
import { openExport } from "./export.js";
import { percent } from "./format.js";
import { Desk, decisionOn } from "./desk.js";
import { openHelp } from "./help.js";
import { listenToKeys } from "./keys.js";
import { openStory } from "./story.js";
import { filterBar, filterFromAddress, reviewHead } from "./reviewhead.js";
import { sampleView } from "./sample.js";
import { openSearch } from "./search.js";
import { endView, waitingView } from "./ending.js";

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
    this.desk = new Desk(summary, this.filter, {
      onLost: (item) => this.#lost(item),
      remembered: REMEMBERED,
    });
    this.queue = this.desk.queue;
    this.stage = h("div", { class: "stage" });
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
        h("div", { class: "review-strip" }, filterBar(this.filter, summary), this.desk.tally.element),
        this.desk.notices,
        this.stage,
      ),
    );
  }

  async start() {
    this.desk.start();
    listenToKeys(this.stage, (key) => this.#actOf(key));
    setInterval(() => {
      if (!document.hidden && !this.desk.outbox.operations.length) this.desk.recount();
    }, REFRESH_MS);
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
    await this.desk.outbox.flush();
    await this.desk.recount();
    fill(
      this.stage,
      endView({
        tally: this.desk.tally,
        filter: this.filter,
        dataset: this.dataset,
        auditId: this.auditId,
        again: () => this.queue.release().then(() => this.#next()),
        undo: this.desk.history.length ? () => this.undo() : null,
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
    const { verdict, label } = decisionOn(this.current, "relabel", name);
    this.#decide(verdict, label);
  }

  #decide(verdict, label) {
    this.desk.decide([{ item: this.current, verdict, label }]);
    this.spoken =
      { keep: `Kept ${label}.`, exclude: "Excluded.", skip: "Skipped." }[verdict] ??
      `Changed to ${label}.`;
    this.#next();
  }

  undo() {
    const undone = this.desk.undo();
    if (!undone) return announce("Nothing to undo.");
    this.queue.putBack(this.current);
    this.current = undone[0].item;
    this.spoken = "Undone.";
    return this.#draw();
  }

  #lost(item) {
    if (item !== this.current) return;
    item.lease = null;
    announce("Your hold on this sample ran out; somebody else may decide it too.");
  }

  #story() {
    if (this.current) openStory(this.auditId, this.current.sample_id);
  }

  #actOf(key) {
    const choice = /^[1-9]$/.test(key) ? this.choices?.[Number(key) - 1] : null;
    if (choice) return () => this.act(choice.verdict, choice.label);
    return {
      k: () => this.act("keep", this.current?.given_label),
      x: () => this.act("exclude", null),
      s: () => this.act("skip", null),
      u: () => this.undo(),
      h: () => this.#story(),
      "/": () => this.act("search"),
    }[key];
  }
}
