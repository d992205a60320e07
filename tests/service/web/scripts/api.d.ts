// Generated from the OpenAPI document: python -m tests.service.web.api_types

declare namespace Api {
  type AccessEntryRead = {
    id: number;
    at: string;
    action: string;
    outcome: AccessOutcome;
    by: Person | null;
    subject: string | null;
    address: string | null;
    request_id: string | null;
    detail: Record<string, any> | null;
  };
  type AccessOutcome = "done" | "refused";
  type AnnotatorPage = {
    samples: number;
    votes: number;
    annotator_count: number;
    samples_with_two: number;
    independence: number;
    observed_agreement: Estimate | null;
    krippendorff_alpha: Estimate | null;
    fleiss_kappa: Estimate | null;
    items: Array<AnnotatorRead>;
    next_cursor: string | null;
  };
  type AnnotatorRead = {
    annotator: string;
    votes: number;
    accuracy: number;
    agreement: Estimate | null;
    checked: number;
    confused: ConfusionRead | null;
  };
  type AnnotatorSummary = {
    samples: number;
    votes: number;
    annotator_count: number;
    samples_with_two: number;
    independence: number;
    observed_agreement: Estimate | null;
    krippendorff_alpha: Estimate | null;
    fleiss_kappa: Estimate | null;
    annotators: Array<AnnotatorRead>;
  };
  type Answered = {
    samples: number;
    weight: number;
    accuracy: number | null;
    accuracy_low: number | null;
    share: number;
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
    people: Array<Person>;
    tier: Array<Tier>;
    given_label: string | null;
    predicted_label: string | null;
    split: boolean;
    reserved: boolean;
    created_by: Person;
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
    queue_position: number | null;
    config: Record<string, any>;
    problem: Record<string, any> | null;
    created_by: Person;
    created_at: string;
    started_at: string | null;
    finished_at: string | null;
  };
  type Basis = "estimated" | "verified" | "counted";
  type CategoryColumn = {
    name: string;
    values: Array<string>;
    rare: number | null;
  };
  type CertificateApply = {
    level: number;
  };
  type CertificateCreate = {
    goal: Goal;
    level: number;
    tier: Array<Tier> | null;
    given_label: string | null;
    predicted_label: string | null;
    issue: Issue | null;
  };
  type CertificateLevel = {
    level: number;
    size: number;
    right: number;
    wrong: number;
    unjudged: number;
    right_at_least: number;
    unjudged_right_at_least: number;
  };
  type CertificateNext = {
    count: number;
  };
  type CertificateRead = {
    id: string;
    audit_id: string;
    goal: Goal;
    level: number;
    tier: Array<Tier>;
    given_label: string | null;
    predicted_label: string | null;
    issue: Issue | null;
    created_by: Person;
    created_at: string;
    listed: number;
    judged: number;
    right: number;
    promises: Array<CertificateLevel>;
    batch_id: string | null;
    applied: number;
  };
  type CertificateSamples = {
    items: Array<Control>;
  };
  type ClassSummary = {
    label: string;
    given_count: number;
    estimated_wrong_count: number;
    noise_rate: Estimate;
    most_confused_with: string | null;
  };
  type ClassifierFile = {
    name: string;
    bytes: number;
    download_url: string;
  };
  type ClassifierRead = {
    audit_id: string;
    status: JobStatus;
    progress: number;
    problem: Record<string, any> | null;
    description: ModelDescription | null;
    files: Array<ClassifierFile>;
  };
  type ColumnPage = {
    items: Array<ColumnRead>;
    next_cursor: string | null;
    status: JobStatus;
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
    text: string;
  };
  type CommentRead = {
    id: string;
    sample_id: string;
    text: string;
    author: Person;
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
  type CorrectionBatch = {
    items: Array<CorrectionRead>;
    next_cursor: string | null;
    batch_id: string;
    dataset_version: number;
  };
  type CorrectionCreate = {
    sample_id: string;
    verdict: Verdict;
    corrected_label: string | null;
    lease_id: string | null;
    supersedes: string | null;
    note: string | null;
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
    annotator: Person;
    control: boolean;
    certificate_id: string | null;
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
  type DatasetCheckRead = {
    name: "class_imbalance" | "split_leakage" | "missing_values" | "non_iid" | "underperforming_group" | "image_quality";
    found: boolean;
    count: number;
    detail: string;
    groups: Array<GroupRead>;
  };
  type DatasetKind = "image" | "text" | "table" | "vector" | "probabilities";
  type DatasetRead = {
    id: string;
    name: string;
    filename: string;
    status: JobStatus;
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
    description: string;
    guidelines: string;
    created_by: Person;
    created_at: string;
  };
  type DatasetUpdate = {
    name: string | null;
    description: string | null;
    guidelines: string | null;
  };
  type DeliveryRead = {
    id: string;
    webhook_id: string;
    event: WebhookEvent;
    status: JobStatus;
    attempts: number;
    next_attempt_at: string | null;
    response_status: number | null;
    error: string | null;
    created_at: string;
    finished_at: string | null;
  };
  type EncoderRead = {
    name: string;
    kind: DatasetKind;
    description: string;
    licence: string;
    version: number;
    needs_network: boolean;
    extra: string | null;
  };
  type EncoderUsed = {
    name: string | null;
    version: number;
    settings: Record<string, number>;
  };
  type Estimate = {
    value: number;
    low: number | null;
    high: number | null;
    basis: Basis;
  };
  type ExportCounts = {
    changed: number;
    kept: number;
    excluded: number;
  };
  type ExportCreate = {
    format: "original" | "csv" | "parquet" | "patch" | "label-studio";
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
    counts: ExportCounts | null;
    problem: Record<string, any> | null;
    created_by: Person;
    created_at: string;
    finished_at: string | null;
    download_url: string | null;
  };
  type FindingsRead = {
    reviewed: number;
    errors: number;
    noise_rate: Estimate | null;
    curve: Array<CurvePoint>;
    tiers: Array<TierFound>;
    people: Array<PersonFound>;
  };
  type Goal = "label_wrong" | "suggestion_right";
  type GroupRead = {
    kind: "split" | "column" | "cluster";
    name: string;
    size: number;
    accuracy: number;
    accuracy_low: number;
    accuracy_high: number;
    elsewhere: number;
    sample_ids: Array<string>;
  };
  type Issue = "ambiguous" | "near_duplicate" | "conflicting_duplicate" | "outlier" | "dark" | "light" | "blurry" | "low_information" | "odd_aspect_ratio" | "odd_size" | "grayscale";
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
  type LabelStudioChoices = {
    choices: Array<string>;
  };
  type LabelStudioHealth = {
    status: "UP";
    model_class: string;
  };
  type LabelStudioIgnored = {
    status: "ignored";
    detail: string;
  };
  type LabelStudioPredict = {
    tasks: Array<LabelStudioTask>;
    label_config: string | null;
  };
  type LabelStudioPrediction = {
    result: Array<LabelStudioResult>;
    score: number | null;
    model_version: string;
  };
  type LabelStudioPredictions = {
    results: Array<LabelStudioPrediction>;
    model_version: string;
  };
  type LabelStudioResult = {
    from_name: string;
    to_name: string;
    type: "choices";
    value: LabelStudioChoices;
  };
  type LabelStudioSetup = {
    schema: string | null;
  };
  type LabelStudioTask = {
    id: number | string | null;
    data: Record<string, any>;
  };
  type LabelStudioVersion = {
    model_version: string;
  };
  type LabelStudioVersions = {
    versions: Array<string>;
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
    dark_score: number | null;
    light_score: number | null;
    blurry_score: number | null;
    low_information_score: number | null;
    odd_aspect_ratio_score: number | null;
    odd_size_score: number | null;
    grayscale_score: number | null;
    position: number;
    content: Record<string, any>;
    media_url: string | null;
    signals: Record<string, number | null>;
    top_labels: Array<Record<string, any>>;
    duplicates: Array<Record<string, string>>;
    votes: Array<VoteRead>;
    trajectory: TrajectoryRead | null;
    neighbours: Array<Neighbour> | null;
    corrected_label: string | null;
    verdict: Verdict | null;
    correction_id: string | null;
    opinions: Array<OpinionRead>;
    comments: Array<CommentRead>;
    lease: Lease;
  };
  type LooksPlan = {
    looks: number;
    samples: number;
    level: number;
  };
  type MatrixOrigin = "given" | "estimated" | "learned" | "unmoved";
  type Me = {
    id: string | null;
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
  type MemberPage = {
    items: Array<MemberRead>;
    next_cursor: string | null;
    shared: boolean;
  };
  type MemberRead = {
    id: string | null;
    name: string;
    role: Role;
    added_by: Person;
    created_at: string;
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
  type Neighbour = {
    sample_id: string;
    given_label: string;
    corrected_label: string | null;
    state: ReviewState;
    content: Record<string, any>;
    media_url: string | null;
  };
  type NumberColumn = {
    name: string;
    filled: number;
    centre: number;
    scale: number;
    clipped_centre: number;
    clipped_scale: number;
  };
  type ObjectiveRead = {
    name: string;
    title: string;
    paper: string;
    use_when: string;
    options: Array<OptionRead>;
  };
  type OpinionRead = {
    id: string;
    annotator: Person;
    verdict: Verdict;
    corrected_label: string | null;
    note: string | null;
    created_at: string;
  };
  type OptionRead = {
    name: string;
    default: number | boolean | string | Array<Array<number>> | null;
    meaning: string;
    origin: "paper" | "authors' code" | "ours";
    low: number | null;
    high: number | null;
    choices: Array<string>;
  };
  type OwnDecision = {
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
    annotator: Person;
    control: boolean;
    certificate_id: string | null;
    created_at: string;
    standing: Standing;
    content: Record<string, any>;
    media_url: string | null;
  };
  type PackedArray = {
    shape: Array<number>;
    dtype: "uint16" | "int32";
    scale: number;
    data: string;
  };
  type Page_AccessEntryRead_ = {
    items: Array<AccessEntryRead>;
    next_cursor: string | null;
  };
  type Page_AssignmentRead_ = {
    items: Array<AssignmentRead>;
    next_cursor: string | null;
  };
  type Page_AuditRead_ = {
    items: Array<AuditRead>;
    next_cursor: string | null;
  };
  type Page_CertificateRead_ = {
    items: Array<CertificateRead>;
    next_cursor: string | null;
  };
  type Page_CommentRead_ = {
    items: Array<CommentRead>;
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
  type Page_DeliveryRead_ = {
    items: Array<DeliveryRead>;
    next_cursor: string | null;
  };
  type Page_EncoderRead_ = {
    items: Array<EncoderRead>;
    next_cursor: string | null;
  };
  type Page_ExportRead_ = {
    items: Array<ExportRead>;
    next_cursor: string | null;
  };
  type Page_KeyRead_ = {
    items: Array<KeyRead>;
    next_cursor: string | null;
  };
  type Page_Neighbour_ = {
    items: Array<Neighbour>;
    next_cursor: string | null;
  };
  type Page_ObjectiveRead_ = {
    items: Array<ObjectiveRead>;
    next_cursor: string | null;
  };
  type Page_OwnDecision_ = {
    items: Array<OwnDecision>;
    next_cursor: string | null;
  };
  type Page_PairRead_ = {
    items: Array<PairRead>;
    next_cursor: string | null;
  };
  type Page_PersonWithRole_ = {
    items: Array<PersonWithRole>;
    next_cursor: string | null;
  };
  type Page_RankingRead_ = {
    items: Array<RankingRead>;
    next_cursor: string | null;
  };
  type Page_RevertRead_ = {
    items: Array<RevertRead>;
    next_cursor: string | null;
  };
  type Page_SampleRead_ = {
    items: Array<SampleRead>;
    next_cursor: string | null;
  };
  type Page_SessionRead_ = {
    items: Array<SessionRead>;
    next_cursor: string | null;
  };
  type Page_TeamMember_ = {
    items: Array<TeamMember>;
    next_cursor: string | null;
  };
  type Page_TenantRead_ = {
    items: Array<TenantRead>;
    next_cursor: string | null;
  };
  type Page_TypicalSample_ = {
    items: Array<TypicalSample>;
    next_cursor: string | null;
  };
  type Page_WebhookRead_ = {
    items: Array<WebhookRead>;
    next_cursor: string | null;
  };
  type PairRead = {
    given_label: string;
    predicted_label: string;
    open: number;
    total: number;
  };
  type PartPage = {
    items: Array<PartRead>;
    next_cursor: string | null;
  };
  type PartRead = {
    number: number;
    bytes: number;
    arrived: boolean;
    url: string;
    expires_at: string;
  };
  type Person = {
    id: string | null;
    name: string;
  };
  type PersonFound = {
    id: string | null;
    name: string;
    reviewed: number;
    errors: number;
    last_at: string;
  };
  type PersonWithRole = {
    id: string | null;
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
  type QueueNext = {
    purpose: "review" | "control" | "adjudicate";
    count: number;
    tier: Array<Tier>;
    given_label: string | null;
    predicted_label: string | null;
    issue: Issue | null;
    p_wrong_from: number | null;
    p_wrong_to: number | null;
    search: string | null;
    similar_to: string | null;
    state: "open" | "skipped";
    assigned: "first" | "only" | "ignore";
    assignment_id: string | null;
    include: Array<"trajectory" | "neighbours">;
  };
  type QueuePage = {
    items: Array<LeasedSuspect | Control>;
    next_cursor: string | null;
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
  type RevertCreate = {
    correction_id: string | null;
    batch_id: string | null;
    person_id: string | null;
    since: string | null;
  };
  type RevertRead = {
    id: string;
    audit_id: string;
    reverted: number;
    dataset_version: number;
    created_by: Person;
    created_at: string;
  };
  type ReviewSettings = {
    opinions: number;
    adjudicators: Array<string>;
  };
  type ReviewSettingsRead = {
    opinions: number;
    adjudicators: Array<Person>;
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
    owner: Person;
    address: string | null;
    browser: string | null;
    created_at: string;
    last_used_at: string;
    expires_at: string;
    current: boolean;
  };
  type Share = {
    value: number;
    low: number | null;
    high: number | null;
    basis: Basis;
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
  type Standing = "current" | "replaced" | "undone";
  type SummaryRead = {
    audit_id: string;
    dataset_id: string;
    dataset_version: number;
    ranking_id: string;
    ranking_number: number;
    class_names: Array<string>;
    noise_rate: Estimate;
    noise_matrix: Array<Array<number>>;
    learned_noise_matrix: Array<Array<number>> | null;
    learned_noise_matrix_origin: MatrixOrigin | null;
    per_class: Array<ClassSummary>;
    tiers: Record<string, TierSummary>;
    issues: Record<string, number | null>;
    looks: LooksPlan | null;
    checks: Array<DatasetCheckRead>;
    cannot_judge: Array<string>;
    missing: Array<string>;
    verdicts: VerdictCounts;
    votes: AnnotatorSummary | null;
    review: Record<string, Record<string, number>>;
    opinions: number;
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
    dark_score: number | null;
    light_score: number | null;
    blurry_score: number | null;
    low_information_score: number | null;
    odd_aspect_ratio_score: number | null;
    odd_size_score: number | null;
    grayscale_score: number | null;
    position: number;
    content: Record<string, any>;
    media_url: string | null;
    signals: Record<string, number | null>;
    top_labels: Array<Record<string, any>>;
    duplicates: Array<Record<string, string>>;
    votes: Array<VoteRead>;
    trajectory: TrajectoryRead | null;
    neighbours: Array<Neighbour> | null;
    corrected_label: string | null;
    verdict: Verdict | null;
    correction_id: string | null;
    opinions: Array<OpinionRead>;
    comments: Array<CommentRead>;
  };
  type SuspectPage = {
    items: Array<SuspectRead>;
    next_cursor: string | null;
    ranking_id: string;
    total: number | null;
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
    dark_score: number | null;
    light_score: number | null;
    blurry_score: number | null;
    low_information_score: number | null;
    odd_aspect_ratio_score: number | null;
    odd_size_score: number | null;
    grayscale_score: number | null;
  };
  type TableColumns = {
    numbers: Array<NumberColumn>;
    marks: Array<string>;
    categories: Array<CategoryColumn>;
    ignored: Array<string>;
  };
  type TeamMember = {
    id: string | null;
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
    share: Estimate | null;
  };
  type TierSummary = {
    count: number;
    precision: Estimate | null;
  };
  type TrajectoryRead = {
    epochs: number;
    replicas: number;
    in_bag: Array<number>;
    p_given: PackedArray;
    p_suggested_low: PackedArray | null;
    p_suggested_high: PackedArray | null;
    margin: PackedArray;
    predicted_label: PackedArray;
  };
  type TypicalSample = {
    sample_id: string;
    given_label: string;
    p_wrong: number;
    content: Record<string, any>;
    media_url: string | null;
  };
  type UploadCreate = {
    transfer: "resumable" | "multipart";
    length: number;
    filename: string;
    name: string | null;
    sha256: string | null;
    columns: ColumnRoles;
  };
  type UploadCreated = {
    id: string;
    name: string;
    filename: string;
    status: JobStatus;
    offset: number;
    length: number | null;
    sha256: string | null;
    columns: Record<string, any> | null;
    part_bytes: number | null;
    part_count: number | null;
    dataset_id: string | null;
    problem: Record<string, any> | null;
    expires_at: string;
    parts: Array<PartRead> | null;
  };
  type UploadPage = {
    items: Array<UploadRead>;
    next_cursor: string | null;
    multipart: boolean;
  };
  type UploadRead = {
    id: string;
    name: string;
    filename: string;
    status: JobStatus;
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
  type VerdictCount = {
    n: number;
    wrong: number;
  };
  type VerdictCounts = {
    n: number;
    wrong: number;
    by_tier: Record<string, VerdictCount>;
  };
  type VoteRead = {
    label: string;
    votes: number;
    annotators: Array<string>;
  };
  type WebhookCreate = {
    url: string;
    events: Array<"dataset.completed" | "dataset.failed" | "audit.completed" | "audit.failed" | "export.completed" | "export.failed" | "queue.emptied">;
    description: string;
  };
  type WebhookCreated = {
    id: string;
    url: string;
    events: Array<WebhookEvent>;
    description: string;
    enabled: boolean;
    disabled_reason: string | null;
    old_secret_until: string | null;
    created_by: Person;
    created_at: string;
    secret: string;
  };
  type WebhookEvent = "dataset.completed" | "dataset.failed" | "audit.completed" | "audit.failed" | "export.completed" | "export.failed" | "queue.emptied" | "webhook.test";
  type WebhookRead = {
    id: string;
    url: string;
    events: Array<WebhookEvent>;
    description: string;
    enabled: boolean;
    disabled_reason: string | null;
    old_secret_until: string | null;
    created_by: Person;
    created_at: string;
  };
  type WebhookUpdate = {
    url: string | null;
    events: Array<"dataset.completed" | "dataset.failed" | "audit.completed" | "audit.failed" | "export.completed" | "export.failed" | "queue.emptied"> | null;
    description: string | null;
    enabled: boolean | null;
  };
}
