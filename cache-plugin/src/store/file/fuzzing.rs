//! Files of whatever bytes, and what is read from them.

use std::{
    fs,
    ops::Bound,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use plugin_api::Value;

use super::{
    frame::{self, FILE_HEADER, FRAME_HEADER, Header},
    log::{Finding, Log},
};
use crate::store::{
    local::Shared,
    operation::{Change, Changes},
    record,
};

/// The file's own number.
const NUMBER: u32 = 0x5eed_f11e;

/// Read bytes as the steps of a frame. What could be read is written as it was. Return the values among them.
pub(crate) fn records(data: &[u8]) -> Vec<Value> {
    let Some(changes) = record::read(data) else { return Vec::new() };
    let mut out = Vec::new();
    for change in &changes {
        record::put(&mut out, change);
    }
    assert_eq!(out, data, "steps are written as they were read");
    let value = |change| match change {
        Change::Put { cached, .. } => Some(cached.value()),
        _ => None,
    };
    changes.into_iter().filter_map(value).collect()
}

/// Open a file of frames of which some are damaged. The first byte is the number of damages, each of which is two bytes
/// for a place and one that is put there or, if it is 0, ends the file. Each byte after these begins a frame and is its
/// length. With a first byte from 128 on there is room behind the frames. A frame counts as long as nothing was damaged
/// before; a file that was opened once is whole.
pub fn cache_file(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let room = if *first < 128 { 0 } else { 1000 };
    let (damages, mut rest) = rest.split_at(rest.len().min(usize::from(first % 4) * 3));
    let mut file = frame::file_header(NUMBER).to_vec();
    let (mut number, mut out, mut payloads) = (1, Vec::new(), Vec::new());
    while let [length, after @ ..] = rest {
        let (payload, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        frame::begin(&mut out);
        out.extend_from_slice(payload);
        frame::finish(&mut out, NUMBER, Header { number, synced: number - 1 });
        file.extend_from_slice(&out);
        payloads.push(payload);
        number += 1;
    }
    let is_sound = payloads.iter().all(|payload| record::read(payload).is_some());
    let mut first_damage = file.len();
    file.resize(first_damage + room, 0);
    for damage in damages.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([damage[0], damage[1]])) % file.len().max(1);
        match (damage[2], file.get_mut(at)) {
            (0, _) => file.truncate(at),
            (byte, Some(place)) => *place ^= byte,
            (_, None) => {}
        }
        first_damage = first_damage.min(at);
    }
    let directory = Directory::new();
    let path = directory.0.join("cache");
    fs::write(&path, &file).expect("a file can be written");

    let shared = Shared::default();
    let Ok((log, finding)) = Log::open(&path, &shared) else { return };
    drop(log);
    if is_sound && damages.is_empty() {
        assert_eq!(finding, None, "a file that is whole is whole");
    }
    if is_sound && finding.is_none() {
        // What was torn off at the end of a frame was never there.
        assert_eq!(entries(&shared), expected(&payloads, first_damage.max(FILE_HEADER)), "whole frames count");
    }
    if let Some(Finding::Damaged { aside, .. }) = finding {
        assert_eq!(fs::read(aside).expect("it was kept"), file, "a damaged file is kept");
    }
    let again = Shared::default();
    let (_, finding) = Log::open(&path, &again).expect("it could be opened before");
    assert_eq!(finding, None, "a file that was opened is whole");
    assert_eq!(entries(&shared), entries(&again), "what was read is there");
}

/// Entries after all frames that end before a place in the file.
fn expected(payloads: &[&[u8]], end: usize) -> Vec<u8> {
    let (shared, mut at) = (Shared::default(), FILE_HEADER);
    for payload in payloads {
        at += FRAME_HEADER + payload.len();
        if at > end {
            break;
        }
        let changes = record::read(payload).expect("it was looked at before");
        shared.apply(shared.lock(), Changes::Many(changes));
    }
    entries(&shared)
}

fn entries(shared: &Shared) -> Vec<u8> {
    let mut out = Vec::new();
    let table = shared.read();
    for (key, cached) in table.range(Bound::Unbounded) {
        record::put_entry(&mut out, key, cached);
    }
    out
}

/// A directory that goes with its value, in memory where that can be.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("supervisor-cache-fuzzing-{}-{}", std::process::id(), LAST.fetch_add(1, Relaxed));
        let memory = Path::new("/dev/shm");
        let path = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }.join(name);
        fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
