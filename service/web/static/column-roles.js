// The roles that a column of an upload can have.

/** Roles that one column only can have, with their titles. */
export const SINGLE_ROLES = {
  label: "Label",
  sample_id: "Sample ID",
  text: "Text",
  file: "Image file",
  embedding: "Embedding",
  pred_probs: "Probabilities",
};

const ROLE_OF_FIELD = {
  label_column: "label",
  sample_id_column: "sample_id",
  text_column: "text",
  file_column: "file",
};

/**
 * The fields of the upload form as the API names them: `{label_column: "y"}` -> `{label: "y"}`.
 * @param {Record<string, string>} query
 */
export const columnsOf = (query) =>
  Object.fromEntries(
    Object.entries(ROLE_OF_FIELD)
      .filter(([field]) => query[field])
      .map(([field, role]) => [role, query[field]]),
  );
