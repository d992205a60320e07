// Generated from the OpenAPI document: python -m tests.service.web.api_types

declare namespace Api {
  type AccessEntryRead = {
    id: number;
    at: string;
    action: string;
    outcome: AccessOutcome;
    key_id: string | null;
    name: string | null;
    subject: string | null;
    address: string | null;
    request_id: string | null;
    detail: Record<string, any> | null;
  };
  type AccessOutcome = "done" | "refused";
  type AnnotatorList = {
    samples: number;
    votes: number;
    annotator_count: number;
    samples_with_two: number;
    independence: number;
    observed_agreement: EstimateRead | null;
    krippendorff_alpha: EstimateRead | null;
    fleiss_kappa: EstimateRead | null;
    annotators: Array<AnnotatorRead>;
  };
  type AnnotatorRead = {
    annotator: string;
    votes: number;
    accuracy: number;
    agreement: number | null;
    agreement_low: number | null;
    agreement_high: number | null;
    checked: number;
    confused: ConfusionRead | null;
  };
  type Answered = {
    samples: number;
    weight: number;
    accuracy: number | null;
    accuracy_low: number | null;
    share: number;
  };
  type Assignee = {
    id: string;
    name: string;
  };
  type AssignmentCreate = {
    name: string;
    people: Array<string>;
    tier: Array<Tier>;
    given_label: string | null;
    predicted_label: string | null;
    split: boolean;
    reserved: boolean;
  };
  type AssignmentRead = {
    id: string;
    name: string;
    people: Array<Assignee>;
    tier: Array<Tier>;
    given_label: string | null;
    predicted_label: string | null;
    split: boolean;
    reserved: boolean;
    created_by: string;
    created_at: string;
  };
  type AuditCreate = {
    objective: string;
    objective_options: Record<string, number | boolean | string | Array<Array<number>> | null>;
    network: "auto" | "linear" | "mlp" | "cnn" | "fine_tuned";
    replicas: number | null;
    replicas_per_shard: number;
    epochs: number | null;
    hidden: number | null;
    learning_rate: number;
    weight_decay: number;
    batch_size: number | null;
    families: Array<"network" | "neighbours" | "logistic" | "trees"> | null;
    seed: number;
    encoder: string | null;
    dataset_version: number | null;
  };
  type AuditRank = {
    audit_id: string;
    rank: number;
    tier: Tier;
    p_wrong: number;
    predicted_label: string;
    suggested_label: string | null;
    created_at: string;
  };
  type AuditRead = {
    id: string;
    dataset_id: string;
    dataset_version: number;
    status: JobStatus;
    job: JobType | null;
    progress: number;
    eta_seconds: number | null;
    config: Record<string, any>;
    problem: Record<string, any> | null;
    created_by: string;
    created_at: string;
    started_at: string | null;
    finished_at: string | null;
  };
  type CategoryColumn = {
    name: string;
    values: Array<string>;
    rare: number | null;
  };
  type ColumnList = {
    status: DatasetStatus;
    items: Array<ColumnRead>;
  };
  type ColumnRead = {
    name: string;
    type: string;
    missing: number;
    examples: Array<string>;
    role: string | null;
  };
  type ColumnRoles = {
    label: string | null;
    sample_id: string | null;
    text: string | null;
    file: string | null;
    embedding: string | null;
    pred_probs: string | null;
    features: Array<string> | null;
    ignored: Array<string>;
  };
  type CommentCreate = {
    sample_id: string;
    text: string;
  };
  type CommentRead = {
    id: string;
    sample_id: string;
    text: string;
    author: string;
    author_id: string;
    created_at: string;
  };
  type ConfusionRead = {
    true: string;
    said: string;
    rate: number;
  };
  type Control = {
    sample_id: string;
    position: number;
    given_label: string;
    state: ReviewState;
    content: Record<string, any>;
    media_url: string | null;
    lease: Lease;
  };
  type CorrectionCreate = {
    sample_id: string;
    verdict: Verdict;
    corrected_label: string | null;
    lease_id: string | null;
    supersedes: string | null;
    note: string | null;
  };
  type CorrectionList = {
    corrections: Array<CorrectionRead>;
    dataset_version: number;
  };
  type CorrectionRead = {
    id: string;
    seq: number;
    audit_id: string;
    sample_id: string;
    verdict: Verdict | null;
    given_label: string;
    corrected_label: string | null;
    reverts: string | null;
    batch_id: string | null;
    adjudication: boolean;
    note: string | null;
    annotator: string;
    annotator_id: string;
    control: boolean;
    created_at: string;
  };
  type CorrectionsCreate = {
    corrections: Array<CorrectionCreate>;
  };
  type CurvePoint = {
    reviewed: number;
    errors: number;
  };
  type DataMapRead = {
    total: number;
    axes: PlotAxes;
    rank: Array<number>;
    sample_id: Array<string>;
    given_label: Array<string>;
    tier: Array<Tier>;
    p_wrong: Array<number>;
    confidence: Array<number>;
    variability: Array<number>;
  };
  type DatasetKind = "image" | "text" | "table" | "vector" | "probabilities";
  type DatasetRead = {
    id: string;
    name: string;
    filename: string;
    status: DatasetStatus;
    kind: DatasetKind | null;
    format: string | null;
    bytes: number;
    sha256: string;
    version: number;
    sample_count: number;
    labeled_count: number;
    class_names: Array<string>;
    columns: Record<string, any> | null;
    warnings: Array<string>;
    shared: boolean;
    problem: Record<string, any> | null;
    created_by: string;
    created_at: string;
  };
  type DatasetStatus = "processing" | "ready" | "rejected";
  type EncoderUsed = {
    name: string | null;
    version: number;
    settings: Record<string, number>;
  };
  type EstimateRead = {
    value: number;
    low: number;
    high: number;
  };
  type ExportCreate = {
    format: "original" | "csv" | "parquet" | "patch";
    dataset_version: number | null;
  };
  type ExportRead = {
    id: string;
    dataset_id: string;
    dataset_version: number;
    format: string;
    status: JobStatus;
    filename: string | null;
    bytes: number | null;
    sha256: string | null;
    problem: Record<string, any> | null;
    created_at: string;
    finished_at: string | null;
    download_url: string | null;
  };
  type FindingsRead = {
    reviewed: number;
    errors: number;
    noise_rate: RateRead | null;
    curve: Array<CurvePoint>;
    tiers: Array<TierFound>;
    people: Array<PersonFound>;
  };
  type Issue = "ambiguous" | "near_duplicate" | "conflicting_duplicate" | "outlier";
  type JobStatus = "queued" | "running" | "completed" | "failed" | "cancelled";
  type JobType = "ingest" | "encode" | "train" | "rank" | "classifier" | "predict" | "export";
  type KeyCreate = {
    name: string;
    role: Role;
    scopes: Array<Scope> | null;
    dataset_id: string | null;
    expires_at: string | null;
  };
  type KeyCreated = {
    id: string;
    name: string;
    role: Role;
    scopes: Array<string> | null;
    dataset_id: string | null;
    email: string | null;
    issuer: string | null;
    created_at: string;
    last_used_at: string | null;
    expires_at: string | null;
    revoked_at: string | null;
    token: string;
  };
  type KeyRead = {
    id: string;
    name: string;
    role: Role;
    scopes: Array<string> | null;
    dataset_id: string | null;
    email: string | null;
    issuer: string | null;
    created_at: string;
    last_used_at: string | null;
    expires_at: string | null;
    revoked_at: string | null;
  };
  type KeyRotate = {
    expires_at: string | null;
  };
  type LabelCounts = {
    given: number;
    doubtful: number;
    suggested: number;
    decided: number;
    left_out: number;
    classes: Record<string, number>;
  };
  type LabelProbability = {
    label: string;
    probability: number;
  };
  type Lease = {
    lease_id: string;
    expires_in_seconds: number;
  };
  type LeaseRequest = {
    sample_id: string;
    lease_id: string;
  };
  type LeasedSuspect = {
    rank: number;
    sample_id: string;
    given_label: string;
    predicted_label: string;
    suggested_label: string | null;
    suggested_label_confidence: number | null;
    p_wrong: number;
    p_wrong_low: number;
    p_wrong_high: number;
    label_score: number;
    tier: Tier;
    reason: string;
    state: ReviewState;
    issues: Array<Issue>;
    ambiguous_score: number | null;
    near_duplicate_score: number | null;
    outlier_score: number | null;
    position: number;
    content: Record<string, any>;
    media_url: string | null;
    signals: Record<string, number | null>;
    top_labels: Array<Record<string, any>>;
    duplicates: Array<Record<string, string>>;
    votes: Array<VoteRead>;
    trajectory: TrajectoryRead | null;
    corrected_label: string | null;
    verdict: Verdict | null;
    correction_id: string | null;
    opinions: Array<OpinionRead>;
    lease: Lease;
  };
  type Me = {
    key_id: string;
    name: string;
    role: Role;
    scopes: Array<Scope>;
    email: string | null;
    tenant_id: string;
    dataset_id: string | null;
    expires_at: string | null;
  };
  type Measured = {
    samples: number;
    weight: number;
    accuracy: number | null;
    accuracy_low: number | null;
  };
  type MemberRead = {
    key_id: string;
    name: string;
    role: Role;
    added_by: string;
    created_at: string;
  };
  type MembersRead = {
    shared: boolean;
    members: Array<MemberRead>;
    others: Array<PersonRead>;
  };
  type MembersUpdate = {
    shared: boolean;
  };
  type ModelDescription = {
    schema_version: number;
    audit_id: string;
    dataset_id: string;
    dataset_version: number;
    kind: string;
    class_names: Array<string>;
    encoder: EncoderUsed;
    table: TableColumns | null;
    network: "linear" | "mlp" | "cnn" | "fine_tuned";
    input_shape: Array<number>;
    replicas: number;
    temperature: number;
    threshold: number | null;
    target_accuracy: number;
    held_out: Measured;
    answered: Answered;
    trained_on: LabelCounts;
  };
  type ModelFile = {
    name: string;
    bytes: number;
    download_url: string;
  };
  type ModelRead = {
    audit_id: string;
    status: JobStatus;
    progress: number;
    problem: Record<string, any> | null;
    description: ModelDescription | null;
    files: Array<ModelFile>;
  };
  type MultipartUploadCreate = {
    length: number;
    filename: string;
    name: string | null;
    sha256: string | null;
    columns: ColumnRoles;
  };
  type MultipartUploadRead = {
    id: string;
    name: string;
    filename: string;
    status: "receiving" | "complete" | "rejected";
    offset: number;
    length: number | null;
    sha256: string | null;
    columns: Record<string, any> | null;
    part_bytes: number | null;
    part_count: number | null;
    dataset_id: string | null;
    problem: Record<string, any> | null;
    expires_at: string;
    parts: Array<PartRead>;
  };
  type Neighbour = {
    sample_id: string;
    given_label: string;
    corrected_label: string | null;
    content: Record<string, any>;
    media_url: string | null;
  };
  type Neighbours = {
    items: Array<Neighbour>;
  };
  type NumberColumn = {
    name: string;
    filled: number;
    centre: number;
    scale: number;
    clipped_centre: number;
    clipped_scale: number;
  };
  type OpinionRead = {
    id: string;
    annotator: string;
    annotator_id: string;
    verdict: Verdict;
    corrected_label: string | null;
    note: string | null;
    created_at: string;
  };
  type Page_AccessEntryRead_ = {
    items: Array<AccessEntryRead>;
    next_cursor: string | null;
  };
  type Page_AuditRead_ = {
    items: Array<AuditRead>;
    next_cursor: string | null;
  };
  type Page_CorrectionRead_ = {
    items: Array<CorrectionRead>;
    next_cursor: string | null;
  };
  type Page_DatasetRead_ = {
    items: Array<DatasetRead>;
    next_cursor: string | null;
  };
  type PairRead = {
    given_label: string;
    predicted_label: string;
    open: number;
    total: number;
  };
  type Pairs = {
    pairs: Array<PairRead>;
  };
  type PartList = {
    items: Array<PartRead>;
  };
  type PartRead = {
    number: number;
    bytes: number;
    arrived: boolean;
    url: string;
    expires_at: string;
  };
  type Person = {
    id: string;
    name: string;
    role: Role;
  };
  type PersonFound = {
    annotator_id: string;
    annotator: string;
    reviewed: number;
    errors: number;
    last_at: string;
  };
  type PersonRead = {
    key_id: string;
    name: string;
    role: Role;
  };
  type PlotAxes = {
    left: number;
    top: number;
    width: number;
    height: number;
    x_max: number;
    y_max: number;
  };
  type PredictRequest = {
    texts: Array<string> | null;
    rows: Array<Record<string, string | number | boolean | null>> | null;
    vectors: Array<Array<number>> | null;
    images: Array<string> | null;
  };
  type Prediction = {
    label: string;
    confidence: number;
    cannot_say: boolean;
    top: Array<LabelProbability>;
  };
  type PredictionRead = {
    audit_id: string;
    status: JobStatus;
    problem: Record<string, any> | null;
    predictions: Array<Prediction> | null;
  };
  type Problem = {
    type: string;
    title: string;
    status: number;
    detail: string;
    instance: string | null;
    request_id: string | null;
    errors: Array<Record<string, any>>;
  };
  type QueueItems = {
    items: Array<LeasedSuspect | Control>;
  };
  type QueueNext = {
    purpose: "review" | "control" | "adjudicate";
    count: number;
    tier: Array<Tier>;
    given_label: string | null;
    predicted_label: string | null;
    issue: Issue | null;
    state: "open" | "skipped";
    assigned: "first" | "only" | "ignore";
    assignment_id: string | null;
  };
  type RankingRead = {
    number: number;
    status: JobStatus;
    ranking_id: string | null;
    verdicts: Record<string, any> | null;
    problem: Record<string, any> | null;
    created_at: string;
    finished_at: string | null;
  };
  type RateRead = {
    estimate: number;
    low: number;
    high: number;
  };
  type RevertWork = {
    since: string | null;
  };
  type RevertedRead = {
    batch_id: string | null;
    reverted: number;
    dataset_version: number;
  };
  type ReviewSettings = {
    opinions: number;
    adjudicators: Array<string>;
  };
  type ReviewSettingsRead = {
    opinions: number;
    adjudicators: Array<string>;
  };
  type ReviewState = "open" | "skipped" | "disputed" | "decided";
  type Role = "operator" | "admin" | "uploader" | "annotator" | "viewer";
  type SampleHistory = {
    sample_id: string;
    given_label: string | null;
    state: string;
    wanted: number;
    verdict: Verdict | null;
    corrected_label: string | null;
    ranks: Array<AuditRank>;
    corrections: Array<CorrectionRead>;
    comments: Array<CommentRead>;
    hidden: boolean;
  };
  type SampleRead = {
    sample_id: string;
    position: number;
    given_label: string | null;
    corrected_label: string | null;
    verdict: Verdict | null;
    content: Record<string, any>;
    media_url: string | null;
  };
  type Scope = "review:read" | "review:write" | "datasets:write" | "audits:run" | "export" | "metrics" | "admin" | "tenants";
  type SessionRead = {
    id: string;
    key_id: string;
    address: string | null;
    browser: string | null;
    created_at: string;
    last_used_at: string;
    expires_at: string;
    current: boolean;
  };
  type Share = {
    estimate: number;
    low: number;
    high: number;
    n: number;
  };
  type SignInAddress = {
    address: string;
  };
  type SignInAnswer = {
    code: string;
    state: string;
  };
  type SignInOptions = {
    signed_in: boolean;
    oidc_title: string | null;
  };
  type SuspectDetail = {
    rank: number;
    sample_id: string;
    given_label: string;
    predicted_label: string;
    suggested_label: string | null;
    suggested_label_confidence: number | null;
    p_wrong: number;
    p_wrong_low: number;
    p_wrong_high: number;
    label_score: number;
    tier: Tier;
    reason: string;
    state: ReviewState;
    issues: Array<Issue>;
    ambiguous_score: number | null;
    near_duplicate_score: number | null;
    outlier_score: number | null;
    position: number;
    content: Record<string, any>;
    media_url: string | null;
    signals: Record<string, number | null>;
    top_labels: Array<Record<string, any>>;
    duplicates: Array<Record<string, string>>;
    votes: Array<VoteRead>;
    trajectory: TrajectoryRead | null;
    corrected_label: string | null;
    verdict: Verdict | null;
    correction_id: string | null;
    opinions: Array<OpinionRead>;
  };
  type SuspectPage = {
    items: Array<SuspectRead>;
    next_cursor: string | null;
    ranking_id: string;
  };
  type SuspectRead = {
    rank: number;
    sample_id: string;
    given_label: string;
    predicted_label: string;
    suggested_label: string | null;
    suggested_label_confidence: number | null;
    p_wrong: number;
    p_wrong_low: number;
    p_wrong_high: number;
    label_score: number;
    tier: Tier;
    reason: string;
    state: ReviewState;
    issues: Array<Issue>;
    ambiguous_score: number | null;
    near_duplicate_score: number | null;
    outlier_score: number | null;
  };
  type TableColumns = {
    numbers: Array<NumberColumn>;
    marks: Array<string>;
    categories: Array<CategoryColumn>;
    ignored: Array<string>;
  };
  type Team = {
    members: Array<TeamMember>;
  };
  type TeamMember = {
    id: string;
    name: string;
    verdicts: number;
    skips: number;
    reverted: number;
    adjudications: number;
    controls: number;
    first_at: string | null;
    last_at: string | null;
    per_hour: number | null;
    seconds_per_verdict: number | null;
    agreement: Share | null;
    upheld: Share | null;
  };
  type TenantCreate = {
    name: string;
    admin: string;
  };
  type TenantCreated = {
    id: string;
    name: string;
    status: TenantStatus;
    created_at: string;
    token: string;
  };
  type TenantRead = {
    id: string;
    name: string;
    status: TenantStatus;
    created_at: string;
  };
  type TenantStatus = "active" | "suspended";
  type TenantUpdate = {
    status: TenantStatus;
  };
  type Tier = "obvious" | "possible" | "none";
  type TierFound = {
    tier: Tier;
    reviewed: number;
    wrong: number;
    low: number;
    high: number;
  };
  type TrajectoryRead = {
    epochs: number;
    replicas: number;
    in_bag: Array<number>;
    p_given: Array<Array<number>>;
    p_suggested_low: Array<Array<number>> | null;
    p_suggested_high: Array<Array<number>> | null;
    margin: Array<Array<number>>;
    predicted_label: Array<Array<number>>;
  };
  type UploadList = {
    items: Array<UploadRead>;
    multipart: boolean;
  };
  type UploadRead = {
    id: string;
    name: string;
    filename: string;
    status: "receiving" | "complete" | "rejected";
    offset: number;
    length: number | null;
    sha256: string | null;
    columns: Record<string, any> | null;
    part_bytes: number | null;
    part_count: number | null;
    dataset_id: string | null;
    problem: Record<string, any> | null;
    expires_at: string;
  };
  type Verdict = "keep" | "accept_suggestion" | "relabel" | "exclude" | "skip";
  type VoteRead = {
    label: string;
    votes: number;
    annotators: Array<string>;
  };
}
