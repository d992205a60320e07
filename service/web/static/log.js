// Which rows of a log of decisions stand: an undoing that was itself undone undoes nothing.

/** Ids of the rows that do not stand; `rows` are oldest first. */
export function undoneIds(rows) {
  const undone = new Set();
  for (const row of rows.toReversed()) {
    if (row.reverts && !undone.has(row.id)) undone.add(row.reverts);
  }
  return undone;
}
