/** Version of the layout on disk: tables, folders and the meaning of names. A higher one is refused. */
export const layoutVersion = 2;

/** What makes a store of the version before into one of this version. */
export const migrations: Readonly<Record<number, string>> = {
  // NULL: written before indexes were remembered, only its length is known.
  2: "alter table layers add column index_digest text; alter table layers add column damage text",
};

/**
 * The tables. A row in `blobs` or `layers` means that the bytes are there and complete; bytes without a row belong to
 * nobody and may be collected. Times are milliseconds since the epoch.
 */
export const schema = `
create table blobs (
  digest text primary key,
  size integer not null,
  created_at integer not null
) without rowid, strict;

create table layers (
  diff_id text primary key,
  size integer not null,
  disk_size integer not null,
  entries integer not null,
  created_at integer not null,
  -- SHA-256 of layer.erofs; its bytes are ours and not covered by the diff ID.
  index_digest text,
  -- What reading it back has found; such a layer is refused until it is written again.
  damage text
) without rowid, strict;

-- Compressed forms of a layer that are in blobs.
create table layer_forms (
  diff_id text not null,
  media_type text not null,
  digest text not null,
  size integer not null,
  primary key (diff_id, digest)
) without rowid, strict;
create index layer_forms_by_digest on layer_forms (digest);

create table images (
  id text primary key,
  manifest text,
  created text,
  os text not null,
  architecture text not null,
  variant text,
  added_at integer not null
) without rowid, strict;

create table image_layers (
  image_id text not null,
  position integer not null,
  diff_id text not null,
  primary key (image_id, position)
) without rowid, strict;
create index image_layers_by_layer on image_layers (diff_id);

-- Blobs that live as long as the image: config, manifest, index, attestations.
create table image_blobs (
  image_id text not null,
  digest text not null,
  primary key (image_id, digest)
) without rowid, strict;

create table tags (
  reference text primary key,
  image_id text not null,
  updated_at integer not null
) without rowid, strict;
create index tags_by_image on tags (image_id);

-- repository@digest by which an image was pulled or pushed.
create table repo_digests (
  repository text not null,
  digest text not null,
  image_id text not null,
  primary key (repository, digest, image_id)
) without rowid, strict;
create index repo_digests_by_image on repo_digests (image_id);

create table leases (
  id text primary key,
  owner text not null,
  purpose text not null,
  created_at integer not null
) without rowid, strict;

create table cache_records (
  key text primary key,
  result text not null,
  created_at integer not null,
  used_at integer not null
) without rowid, strict;
create index cache_records_by_use on cache_records (used_at);

create table cache_inputs (
  key text primary key,
  inputs blob not null
) without rowid, strict;

-- Containers, networks, volumes.
create table records (
  kind text not null,
  id text not null,
  name text not null,
  state text not null,
  version integer not null,
  created_at integer not null,
  updated_at integer not null,
  primary key (kind, id)
) without rowid, strict;
create unique index records_by_name on records (kind, name);

-- What a lease, a cache record or a container keeps alive. holder_kind is lease, cache or the record's kind.
create table refs (
  holder_kind text not null,
  holder text not null,
  kind text not null,
  key text not null,
  primary key (holder_kind, holder, kind, key)
) without rowid, strict;
create index refs_by_key on refs (kind, key);
`;
