//! The steps by which entries change, as bytes: of a frame of the cache's file, and of what an upgrade carries along.

use super::{
    bytes::{Reader, put_cached, put_text},
    cached::Cached,
    clock::Deadline,
    operation::Change,
};

const PUT: u8 = 1;
const EXPIRE: u8 = 2;
const REMOVE: u8 = 3;
const CLEAR: u8 = 4;

/// Append a step. A deadline is written in milliseconds since 1970, and none as 0.
#[cfg(any(feature = "file", test))]
pub(super) fn put(out: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Put { key, cached } => put_entry(out, key, cached),
        Change::Expire { key, deadline } => {
            out.push(EXPIRE);
            put_deadline(out, *deadline);
            put_text(out, key);
        }
        Change::Remove { key } => {
            out.push(REMOVE);
            put_text(out, key);
        }
        Change::Clear => out.push(CLEAR),
    }
}

/// Append the step that brings an entry.
#[cfg(any(feature = "file", test))]
pub(super) fn put_entry(out: &mut Vec<u8>, key: &str, cached: &Cached) {
    put_entry_until(out, key, cached, cached.deadline());
}

/// Append the step that brings an entry with that deadline.
pub(super) fn put_entry_until(out: &mut Vec<u8>, key: &str, cached: &Cached, deadline: Option<Deadline>) {
    out.push(PUT);
    put_deadline(out, deadline);
    put_text(out, key);
    put_cached(out, cached);
}

fn put_deadline(out: &mut Vec<u8>, deadline: Option<Deadline>) {
    out.extend_from_slice(&deadline.map_or(0, Deadline::get).to_le_bytes());
}

/// All steps of a frame, or of an upgrade; none if they make no sense.
pub(super) fn read(payload: &[u8]) -> Option<Vec<Change>> {
    let mut reader = Reader::new(payload);
    let mut changes = Vec::new();
    while !reader.is_empty() {
        changes.push(match reader.u8()? {
            PUT => {
                let deadline = Deadline::new(reader.u64()?);
                let key = reader.text()?.into();
                Change::Put { key, cached: reader.cached(deadline)? }
            }
            EXPIRE => {
                let deadline = Deadline::new(reader.u64()?);
                Change::Expire { key: reader.text()?.into(), deadline }
            }
            REMOVE => Change::Remove { key: reader.text()?.into() },
            CLEAR => Change::Clear,
            _ => return None,
        });
    }
    Some(changes)
}
