// Types that the page's scripts share, beside those of the API in api.d.ts.

type Child = Node | string | number | null | undefined | false | Child[];
type Props = Record<string, any>;
type Dataset = Api.DatasetRead;
type Audit = Api.AuditRead;
type Show = (main: HTMLElement, options: { id: string }) => Promise<void>;
type Draw = () => Promise<unknown>;

/** A sample of the queue, and what this page keeps with it. */
type Suspect = Api.SuspectDetail & {
  lease?: Api.Lease | null;
  imageUrl?: Promise<string> | null;
  /** The caller's correction that another verdict of theirs replaces. */
  ownDecision?: string;
  /** What is written in the field for a note, saved with the verdict. */
  note?: string;
};

/** What the queue is narrowed to: the body of POST …/queue/next. */
type Filter = {
  tier?: Api.Tier[];
  given_label?: string;
  predicted_label?: string;
  issue?: string;
  p_wrong_from?: number;
  p_wrong_to?: number;
  search?: string;
  similar_to?: string;
  state?: string;
  purpose?: string;
};

type QueueOptions = {
  onLeaseLost: (item: Suspect) => void;
  include?: Api.QueueNext["include"];
  ahead?: number;
  imageSize?: number;
};

type TierCounts = { open: number; skipped: number; decided: number };

/** The answer of GET …/summary. */
type Summary = Api.SummaryRead & { review: Record<string, TierCounts> };

/** A verdict on one sample, and the label that the sample has with it. */
type Decision = { item: Suspect; verdict: Api.Verdict; label: string | null };

type Choice = {
  key: string;
  verdict: Api.Verdict;
  label: string;
  probability?: number;
};
type Act = (verdict: Api.Verdict | "search" | "undo", label?: string | null) => void;

type Correction = {
  sample_id: string;
  verdict: Api.Verdict;
  corrected_label?: string | null;
  lease_id?: string;
  supersedes?: string;
  note?: string;
};

/** A request of the outbox: decisions to save, or the revert of an earlier request. */
type Operation = {
  kind: "submit" | "revert";
  id: string;
  state: "waiting" | "rejected" | "saved";
  attempts: number;
  corrections?: Correction[];
  of?: string;
  batch_id?: string;
  problem?: ProblemBody;
};

/** RFC 9457. */
type ProblemBody = {
  status?: number;
  type?: string;
  title?: string;
  detail?: string;
  errors?: ProblemError[];
  request_id?: string | null;
};
type ProblemError = {
  row?: number;
  file?: string;
  column?: string;
  sample_id?: string;
  pointer?: string;
  parameter?: string;
  header?: string;
  detail?: string;
  correction_id?: string;
  verdict?: string;
};

type Query = Record<string, unknown>;
type RequestOptions = {
  body?: unknown;
  query?: Query;
  headers?: Record<string, string>;
  keepalive?: boolean;
  signal?: AbortSignal;
};
type OnProgress = (sent: number) => void;
type UploadOptions = {
  query?: Query;
  headers?: Record<string, string | number>;
  onProgress: OnProgress;
};
type UploadRequest = { answer: Promise<XMLHttpRequest>; stop: () => void };

/** The file name and the form's column fields. */
type UploadQuery = { filename: string } & Record<string, string>;
