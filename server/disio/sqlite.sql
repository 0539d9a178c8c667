-- What is asked of any of our SQLite files, whoever it belongs to.

-- name: get_application_id()$
-- Whose file this is.
PRAGMA application_id;

-- name: get_schema_version()$
-- How many of its migrations the file has seen.
PRAGMA user_version;

-- name: count_pages()$
-- Pages that the file should have.
PRAGMA page_count;

-- name: get_page_size()$
-- Bytes of a page.
PRAGMA page_size;

-- name: get_schema()
-- Reading this begins to hold a snapshot, if a transaction is open.
SELECT name FROM sqlite_schema;

-- name: check_integrity()
-- What is wrong with pages, rows and indexes: "ok", or up to ten lines.
SELECT integrity_check FROM pragma_integrity_check(10);

-- name: check_references()
-- Rows that refer to rows that are not there.
SELECT "table", rowid, parent FROM pragma_foreign_key_check;
