"""What each problem type means and what to do about it: the pages that a problem's `type` leads to.

Keys are the last part of `type`; one type has one meaning wherever it occurs.
"""

from typing import NamedTuple


class ProblemType(NamedTuple):
    meaning: str
    remedy: str


COLUMNS = "The detected roles are in GET …/columns. Name the right column, or correct the file."
REPACK = "Make the archive again with a standard tool, from the files alone."
RESEND = "Send the request again. If it happens again, tell whoever runs the service."

TYPES: dict[str, ProblemType] = {
    slug: ProblemType(meaning, remedy)
    for slug, meaning, remedy in (
        # ------------------------------------------------------------------------- every request
        (
            "internal-error",
            "The service failed in a way that its authors did not foresee.",
            "Report the `request_id`: the log has the details under it.",
        ),
        (
            "invalid-request",
            "A field, parameter or header has a value that the operation does not take.",
            "Each of `errors` names the place and says what would be valid.",
        ),
        (
            "unknown-parameter",
            "The operation has no query parameter, or form field, of this name.",
            "Check the spelling; the detail suggests the nearest name.",
        ),
        (
            "range-not-satisfiable",
            "The file is shorter than the part that `Range` asks for.",
            "`Content-Range` has its length. A download that is complete needs no more parts.",
        ),
        (
            "webhooks-off",
            "The operator allows no host to which webhooks may be sent.",
            "The operator sets `LABELAUDIT_WEBHOOK_HOSTS` to the hosts that may receive them.",
        ),
        (
            "webhook-address-refused",
            "Webhooks may not be sent to this URL.",
            "Use https and a host that the operator allows, without user, password or fragment.",
        ),
        (
            "webhook-disabled",
            "Nothing is sent to a webhook that is disabled.",
            'Enable it: PATCH it with `{"enabled": true}`.',
        ),
        ("json-invalid", "The text is not valid JSON.", "The detail says where it breaks off."),
        (
            "value-out-of-range",
            "The database cannot hold one of the values.",
            "Send smaller numbers or shorter texts.",
        ),
        (
            "invalid-cursor",
            "The cursor was not issued by this list.",
            "Send the `next_cursor` of the page before, unchanged, with the same filters and sort.",
        ),
        (
            "not-authenticated",
            "The request has no valid API key and no session.",
            "Send `Authorization: Bearer la_…`, or sign in.",
        ),
        (
            "cross-site",
            "A browser sent this request from another site, or without the header `X-CSRF`.",
            "Send `X-CSRF: 1` with every change that a session makes.",
        ),
        (
            "not-permitted",
            "Your role does not allow this, or it concerns somebody else's work.",
            "The detail names the scope that is needed. Ask an admin of your organisation.",
        ),
        (
            "organisation-suspended",
            "Your organisation is suspended. Nothing was deleted.",
            "Contact whoever runs the service.",
        ),
        (
            "not-found",
            "There is nothing with this id, or you may not see it.",
            "Check the id, and that you use a key of the right organisation.",
        ),
        (
            "method-not-allowed",
            "The address exists, but not with this method.",
            "The header `Allow` lists the methods it has.",
        ),
        (
            "http-error",
            "The request is not valid HTTP for this service.",
            "The detail says what is wrong.",
        ),
        (
            "not-acceptable",
            "The operation produces none of the types in the header `Accept`.",
            "Ask for one of the types in the detail, or for `*/*`.",
        ),
        (
            "conflict",
            "The request does not fit the current state of the resource.",
            "Read the resource again, then decide.",
        ),
        (
            "not-ready",
            "The resource is still being made, or failed.",
            "Wait until its `status` is `completed`.",
        ),
        ("gone", "The resource existed and is gone.", "Create it again."),
        (
            "precondition-failed",
            "A header demands something that does not hold.",
            "See the detail.",
        ),
        (
            "idempotency-key-reused",
            "The `Idempotency-Key` was used before, for another request.",
            "Use a new key for each new request, and the same one only to repeat a request.",
        ),
        (
            "rate-limited",
            "You sent more requests than the service allows you at a time.",
            "Wait as many seconds as `Retry-After` says.",
        ),
        (
            "unavailable",
            "Something that the service depends on does not answer.",
            "Nothing was changed. Send the request again after `Retry-After` seconds.",
        ),
        (
            "database-busy",
            "The database is busy with other requests.",
            "Nothing was changed. Send the request again after `Retry-After` seconds.",
        ),
        (
            "database-unavailable",
            "The database does not answer.",
            "Nothing was changed. Send the request again after `Retry-After` seconds.",
        ),
        (
            "bucket-unavailable",
            "The upload bucket does not answer.",
            "Send the request again, or upload through the service.",
        ),
        (
            "insufficient-storage",
            "The server's disk is nearly full.",
            "Delete datasets or exports that you no longer need, or ask whoever runs the service.",
        ),
        (
            "sign-in-refused",
            "Single sign-on failed.",
            "Start the sign-in again. If it fails again, your provider may not let you in here.",
        ),
        # --------------------------------------------------------------------------------- uploads
        (
            "upload-too-large",
            "The body or the file is larger than the service takes.",
            "Send a smaller file, or ask whoever runs the service to raise the limit.",
        ),
        (
            "quota-exceeded",
            "With this file you would store more than your organisation may.",
            "Delete datasets that you no longer need, or ask for a larger quota.",
        ),
        (
            "unsupported-media-type",
            "The service cannot read files of this type, or the body has the wrong Content-Type.",
            "The detail names what to send instead.",
        ),
        (
            "form-unreadable",
            "The body calls itself `multipart/form-data` and is not, or breaks off.",
            "Let your tool write the form: `curl -F file=@data.csv …`.",
        ),
        (
            "form-needs-one-file",
            "A form has one file, in the field `file`; this one has none, several or another.",
            "`curl -F file=@data.csv …`; the `@` sends the file.",
        ),
        (
            "checksum-mismatch",
            "The bytes that arrived do not have the declared checksum.",
            "Send them again.",
        ),
        (
            "upload-locked",
            "Another request is writing to this upload.",
            "Wait, then ask for the offset.",
        ),
        (
            "upload-offset-conflict",
            "The bytes do not start where the upload stands.",
            "Ask for the offset with HEAD and send from there.",
        ),
        (
            "upload-exceeds-declared-size",
            "More bytes arrived than the upload's length.",
            "Create the upload with the right length.",
        ),
        (
            "upload-size-mismatch",
            "The file has another size than was declared.",
            "Create the upload with the right length.",
        ),
        (
            "upload-expired",
            "The upload was not finished in time, and its bytes were deleted.",
            "Upload the file again.",
        ),
        ("upload-vanished", "The bucket no longer has the file.", "Upload the file again."),
        (
            "upload-gone",
            "The stored file of the dataset no longer exists.",
            "Upload the file again.",
        ),
        ("upload-complete", "The upload is already complete.", "Its `dataset_id` is the dataset."),
        (
            "upload-incomplete",
            "Some parts have not arrived.",
            "Each of `errors` names a missing part. Send it, then complete the upload.",
        ),
        (
            "upload-is-multipart",
            "The bytes of this upload go to the bucket.",
            "PUT the parts to the addresses of GET …/parts.",
        ),
        (
            "upload-not-multipart",
            "The bytes of this upload go to the service.",
            "PATCH them to the upload.",
        ),
        (
            "no-such-part",
            "The upload has no part of this number.",
            "`part_count` says how many it has.",
        ),
        (
            "too-many-parts",
            "The file would need more parts than a bucket takes.",
            "Upload it through the service.",
        ),
        ("no-bucket", "The service has no upload bucket.", "Create a `resumable` upload instead."),
        ("tus-version", "The service speaks tus 1.0.0.", "Send `Tus-Resumable: 1.0.0`."),
        # ------------------------------------------------------------------------- reading a file
        (
            "invalid-dataset",
            "The file could not be read as a dataset.",
            "Each of `errors` names a place in the file.",
        ),
        ("empty-file", "The file has no bytes.", "Check what you sent."),
        (
            "content-type-mismatch",
            "The content of the file contradicts its name.",
            "Rename the file, or send the right one.",
        ),
        ("archive-bomb", "The archive expands far beyond its size.", REPACK),
        ("archive-corrupt", "The archive or an image in it is damaged.", REPACK),
        ("archive-encrypted", "The archive is encrypted.", "Make it again without a password."),
        ("archive-method", "The archive uses a compression method that is not supported.", REPACK),
        (
            "archive-nested",
            "The archive contains archives.",
            "Unpack them, and pack the files themselves.",
        ),
        ("archive-overlap", "Members of the archive share bytes.", REPACK),
        (
            "archive-too-many-entries",
            "The archive has more members than the service reads.",
            "Split the dataset.",
        ),
        ("archive-unsafe-entry", "The archive contains links or special files.", REPACK),
        ("archive-unsafe-path", "Names in the archive lead out of it.", REPACK),
        ("duplicate-path", "The archive contains two files of one name.", "Rename one of them."),
        ("image-too-many-pixels", "An image has too many pixels.", "Scale it down."),
        ("image-too-many-frames", "An animation has too many frames.", "Keep a single frame."),
        (
            "image-undecodable",
            "An image cannot be decoded.",
            "Replace or remove the file that is named.",
        ),
        (
            "too-many-bad-images",
            "Too many of the images cannot be decoded.",
            "Replace or remove the files that are named.",
        ),
        (
            "too-many-bad-texts",
            "Too many of the texts cannot be read.",
            "Save the files that are named as UTF-8, or remove them.",
        ),
        (
            "manifest-mismatch",
            "The table and the files of the archive do not match.",
            "Each of `errors` names a row or a file without its counterpart.",
        ),
        (
            "invalid-encoding",
            "The text is not in an encoding that the service reads.",
            "Save the file as UTF-8.",
        ),
        (
            "invalid-character",
            "The text contains NUL or half of a surrogate pair.",
            "Remove the character at the place that is named.",
        ),
        (
            "csv-malformed",
            "Rows of the table do not have the columns of its header.",
            "Each of `errors` names a row.",
        ),
        (
            "csv-limits",
            "A field of the table is too long.",
            "Shorten it, or send the table as Parquet.",
        ),
        (
            "line-too-long",
            "A line of the file is too long.",
            "Split it, or send the data as Parquet.",
        ),
        ("too-many-rows", "The file has more rows than the service reads.", "Split the dataset."),
        (
            "too-many-columns",
            "The file has more columns than the service reads.",
            "Leave columns out, or send vectors as one list column.",
        ),
        ("parquet-invalid", "The Parquet file is damaged.", "Write it again."),
        ("parquet-too-large", "The Parquet file expands beyond the limit.", "Split the dataset."),
        ("column-type-unsupported", "A column has a type that its role cannot take.", COLUMNS),
        ("column-unknown", "The file has no column of this name.", COLUMNS),
        (
            "array-header-invalid",
            "The header of an array does not fit its bytes.",
            "Save the array again with NumPy.",
        ),
        (
            "pickle-not-allowed",
            "The file contains Python objects, which could run code.",
            "Save plain arrays: numbers or fixed-width strings.",
        ),
        (
            "shape-mismatch",
            "Arrays or vectors have shapes that do not fit together.",
            "The detail names the shapes.",
        ),
        ("class-names-invalid", "The class names do not fit the labels.", "Name each class once."),
        ("label-column-missing", "No column looks like a label.", COLUMNS),
        ("labels-missing", "The label column is empty.", COLUMNS),
        (
            "label-out-of-range",
            "A label is not one of the classes.",
            "Each of `errors` names a row.",
        ),
        ("too-few-classes", "All labels are the same.", COLUMNS),
        (
            "class-too-small",
            "A class has too few samples to learn from.",
            "Add samples, or merge classes.",
        ),
        (
            "too-few-samples",
            "There are too few labeled samples to learn from.",
            "Add labeled samples.",
        ),
        ("too-many-classes", "There are more classes than the service takes.", COLUMNS),
        ("votes-invalid", "A count of votes is not a count.", "Each of `errors` names a row."),
        (
            "votes-unmatched",
            "The votes name none of the samples.",
            "Use the same ids in both tables.",
        ),
        ("no-features", "No column is left to learn from.", COLUMNS),
        (
            "non-finite-features",
            "A number is infinite or missing where that is not allowed.",
            "Replace it, or leave the cell empty in a table.",
        ),
        (
            "probabilities-invalid",
            "Rows of `pred_probs` are no probabilities.",
            "Each row must be at least 0 and sum to 1.",
        ),
        ("sample-id-missing", "A row has no id.", "Fill the id column, or leave it out."),
        ("duplicate-sample-id", "Two rows have one id.", "Each of `errors` names a row."),
        (
            "reading-too-long",
            "Reading the file took too long.",
            "Send a smaller file, or a simpler format such as Parquet.",
        ),
        (
            "reading-too-much",
            "Reading the file took too much memory.",
            "Send a smaller file, or a simpler format such as Parquet.",
        ),
        (
            "reader-crashed",
            "The process that reads files crashed on this one.",
            "Write the file again with another tool, and report it.",
        ),
        (
            "body-stalled",
            "The body of the request stopped arriving.",
            "Send it again, faster or in smaller pieces; a resumable upload keeps what arrived.",
        ),
        (
            "head-stalled",
            "The head of the request did not arrive in time.",
            "Send the request again.",
        ),
        (
            "too-many-connections",
            "The service has as many connections as it takes.",
            "Close connections that you do not use, and try again.",
        ),
        (
            "too-many-at-once",
            "Your organisation runs as many of these as it may at a time.",
            "Wait until one has ended, or as long as `Retry-After` says.",
        ),
        (
            "too-many-pictures",
            "Your organisation waits for too many pictures at a time.",
            "Ask again after `Retry-After` seconds.",
        ),
        (
            "pictures-busy",
            "The picture had to wait too long for its turn.",
            "Ask again after `Retry-After` seconds.",
        ),
        (
            "image-needs-too-much-memory",
            "Decoding the image would take more memory than it may.",
            "Scale it down, or save it as JPEG or PNG.",
        ),
        (
            "image-too-slow",
            "Decoding the image took too long.",
            "Scale it down, or save it as JPEG or PNG.",
        ),
        (
            "reader-not-confined",
            "The process that reads uploads could not be cut off the network.",
            "Ask whoever runs the service: the documentation says what the system must allow.",
        ),
        (
            "class-order-mismatch",
            "The columns of the probabilities fit the classes in another order far better.",
            "The detail gives that order. Name the classes in the order of the columns.",
        ),
        (
            "label-is-quantity",
            "The labels are numbers that differ in nearly every row, not classes.",
            "Choose another column as the label.",
        ),
        (
            "multiple-labels",
            "The samples have several labels each, which are not audited.",
            "Choose a column with one label per sample.",
        ),
        ("arrow-invalid", "The Arrow file is damaged.", "Write it again."),
        (
            "original-not-written",
            "Files of this format cannot be written with corrections.",
            "Export as CSV or Parquet.",
        ),
        (
            "label-studio-not-written",
            "Label Studio shows texts, tables and images, but not vectors or probabilities.",
            "Export as CSV, Parquet or a patch.",
        ),
        (
            "labeling-config",
            "A Label Studio project's labeling configuration has nothing to choose labels with, or "
            "the one that fits this dataset cannot be written.",
            "Use the configuration from GET …/datasets/{id}/label-studio/config, or one with "
            "`Choices`.",
        ),
        (
            "label-not-encodable",
            "A corrected label has characters that the encoding of the file cannot hold.",
            "Export as CSV or Parquet, which are UTF-8.",
        ),
        (
            "already-audited",
            "The dataset has been audited, so its columns cannot change.",
            "Upload the file again.",
        ),
        # ----------------------------------------------------------------- audits and what follows
        (
            "unknown-encoder",
            "There is no encoder of this name for this kind of data.",
            "GET /v1/encoders lists them.",
        ),
        (
            "not-fine-tunable",
            "This encoder or this kind of data cannot be fine-tuned.",
            "Leave `network` out, or choose another encoder.",
        ),
        (
            "encoder-unavailable",
            "The weights of the encoder cannot be had on the worker.",
            "Choose a bundled encoder, or install the weights.",
        ),
        ("encoder-changed", "The encoder has changed since the audit.", "Audit the dataset again."),
        (
            "no-usable-feature",
            "No column of the table differs between its rows.",
            "Add columns that describe the samples.",
        ),
        (
            "worker-lost",
            "The worker disappeared on every try, usually for lack of memory.",
            "Give the worker more memory, or audit with fewer replicas.",
        ),
        (
            "audit-has-corrections",
            "The log of the dataset refers to this audit.",
            "Delete the dataset to delete them all.",
        ),
        (
            "certificate-applied",
            "The certificate was applied, so its samples can no longer be judged blind.",
            "Revert its batch first, or open another certificate.",
        ),
        (
            "not-certified",
            "The certificate promises nothing at this level yet.",
            "Judge more samples, or choose a lower level.",
        ),
        (
            "nothing-to-fix",
            "Every sample that the certificate covers is decided or held by somebody.",
            "Wait until they are done, or open another certificate.",
        ),
        (
            "already-decided",
            "Somebody has decided the sample.",
            "To replace the decision, name its id in `supersedes`.",
        ),
        ("lease-lost", "You no longer hold the sample.", "Ask the queue for the next one."),
        (
            "nothing-to-revert",
            "Nothing of it is in force any more.",
            "Read the history of the sample.",
        ),
        (
            "no-arrays",
            "The audit has no arrays of this kind.",
            "The detail says why: it trained no models, or none that make such arrays.",
        ),
        (
            "vectors-removed",
            "The vectors were removed from the cache since the audit.",
            "Audit the dataset again, or raise the size of the cache.",
        ),
        ("no-model", "The audit has no classifier yet.", "Wait until its training is `completed`."),
        ("no-media", "The samples of this dataset are no images.", "Read the sample itself."),
        (
            "wrong-kind",
            "The classifier reads another kind of data.",
            "The detail names what to send.",
        ),
        ("not-finite", "A vector contains NaN or infinity.", "Replace the value that is named."),
        (
            "row-unreadable",
            "A row does not have the columns of the training data.",
            "Each of `errors` names a cell.",
        ),
        (
            "unknown-format",
            "There is no export format of this name.",
            "The formats are in the API reference.",
        ),
        (
            "form-mismatch",
            "The upload's own format cannot hold this dataset.",
            "Export as CSV or Parquet.",
        ),
        (
            "unsafe-class-name",
            "A class name cannot be the name of a folder.",
            "Export as CSV or Parquet.",
        ),
        (
            "organisation-active",
            "Only a suspended organisation can be deleted.",
            "Suspend it first.",
        ),
    )
}
