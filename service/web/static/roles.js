// What the fields of the upload form are called where columns are named by their roles.

const ROLES = {
  label_column: "label",
  sample_id_column: "sample_id",
  text_column: "text",
  file_column: "file",
};

export const columnsOf = (query) =>
  Object.fromEntries(
    Object.entries(ROLES)
      .filter(([field]) => query[field])
      .map(([field, role]) => [role, query[field]]),
  );
