//! File in memory that holds the state: sealed, so that what is read is what was written.
//!
//! It begins with a line that names its format, and the lengths of the two parts that follow: what plugins hand over,
//! which is written while everything still goes on, and the state of supervisord itself. Each is `MessagePack` with
//! the names of its fields.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Seek as _, Write as _},
    os::{fd::OwnedFd, unix::fs::FileExt as _},
};

use serde::{Serialize, de::DeserializeOwned};

use super::state::State;
use crate::linux::in_memory;

/// First line of the file. Another number in it is another layout of what follows.
const MAGIC: &[u8] = b"state of supervisord, 1\n";

/// Length of what stands before the two parts.
const HEAD: usize = MAGIC.len() + 2 * size_of::<u64>();

/// Most levels of what is read, of which a value of a plugin has three for each of its own. The stack holds far more.
const MAX_DEPTH: usize = 300;

/// File that is being written.
pub(super) struct StateFile {
    file: File,
    /// Length of the part of the plugins.
    plugins: u64,
}

impl StateFile {
    /// Make the file, with what plugins hand over.
    pub(super) fn new(plugins: &impl Serialize) -> io::Result<Self> {
        let mut file = File::from(in_memory::create_sealable(c"supervisord-state")?);
        file.write_all(&[0; HEAD])?;
        let plugins = write(&mut file, plugins)?;
        Ok(Self { file, plugins })
    }

    /// Write the state, and seal the file.
    pub(super) fn finish(self, state: &State) -> io::Result<OwnedFd> {
        let Self { mut file, plugins } = self;
        let len = write(&mut file, state)?;
        file.write_all_at(&head(plugins, len), 0)?;
        file.rewind()?;
        in_memory::seal(&file)?;
        Ok(file.into())
    }
}

/// Write a value behind what stands in the file. Return its length.
fn write(file: &mut File, value: &impl Serialize) -> io::Result<u64> {
    let begin = file.stream_position()?;
    let mut writer = BufWriter::with_capacity(256 * 1024, &mut *file);
    rmp_serde::encode::write_named(&mut writer, value).map_err(io::Error::other)?;
    writer.flush()?;
    drop(writer);
    Ok(file.stream_position()? - begin)
}

/// Read the state, and what plugins have handed over.
///
/// # Errors
///
/// Text for people: the format is another, or something is not as it should be.
pub(super) fn read<Plugins: DeserializeOwned>(file: &File) -> Result<(State, Plugins), String> {
    let size = file.metadata().map_err(unreadable)?.len();
    let mut bytes = vec![0; usize::try_from(size).map_err(unreadable)?];
    file.read_exact_at(&mut bytes, 0).map_err(unreadable)?;
    decode(&bytes)
}

/// Read them from the content of such a file. Errors are those of [`read`].
pub(super) fn decode<Plugins: DeserializeOwned>(bytes: &[u8]) -> Result<(State, Plugins), String> {
    let cut_off = || unreadable("it is cut off");
    let (head, parts) = bytes.split_at_checked(HEAD).ok_or_else(cut_off)?;
    let (magic, lengths) = head.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err("the state is of a format that this version does not know".to_owned());
    }
    let mut lengths = lengths.as_chunks().0.iter().map(|length| usize::try_from(u64::from_le_bytes(*length)).ok());
    let mut length = || lengths.next().flatten().ok_or_else(cut_off);
    let (plugins, rest) = parts.split_at_checked(length()?).ok_or_else(cut_off)?;
    let (state, _) = rest.split_at_checked(length()?).ok_or_else(cut_off)?;
    // The state first: what is wrong with it is of more interest.
    let state = decode_part(state)?;
    Ok((state, decode_part(plugins)?))
}

fn decode_part<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(MAX_DEPTH);
    T::deserialize(&mut deserializer).map_err(unreadable)
}

/// Write them as the content of such a file.
pub(super) fn encode(plugins: &impl Serialize, state: &State) -> io::Result<Vec<u8>> {
    let in_words = io::Error::other::<rmp_serde::encode::Error>;
    let plugins = rmp_serde::to_vec_named(plugins).map_err(in_words)?;
    let state = rmp_serde::to_vec_named(state).map_err(in_words)?;
    Ok([&head(plugins.len() as u64, state.len() as u64)[..], &plugins, &state].concat())
}

/// Return what stands before the two parts of these lengths.
fn head(plugins: u64, state: u64) -> Vec<u8> {
    [MAGIC, &plugins.to_le_bytes(), &state.to_le_bytes()].concat()
}

fn unreadable(error: impl fmt::Display) -> String {
    format!("cannot read the state: {error}")
}

#[cfg(test)]
mod tests {
    use plugin_api::Value;

    use super::*;
    use crate::rpc::HandedOver;

    #[test]
    fn what_was_written_is_read_and_cannot_be_changed() {
        let state = State { version: "1.2.3".to_owned(), upgrades: 7, ..State::default() };
        let written = StateFile::new(&vec!["of a plugin".to_owned()]).unwrap().finish(&state).unwrap();
        let file = File::from(written);
        let (read, plugins): (State, Vec<String>) = read(&file).unwrap();
        assert_eq!((read.version.as_str(), read.upgrades), ("1.2.3", 7));
        assert_eq!(plugins, ["of a plugin"]);
        assert!(file.write_all_at(b"x", 0).is_err() && file.set_len(1).is_err());
    }

    #[test]
    fn what_is_not_known_is_ignored_and_what_is_missing_has_a_default() {
        #[derive(Serialize)]
        struct Other {
            upgrades: u64,
            of_tomorrow: Vec<u8>,
        }
        let other = rmp_serde::to_vec_named(&Other { upgrades: 3, of_tomorrow: vec![1, 2] }).unwrap();
        let state: State = rmp_serde::from_slice(&other).unwrap();
        assert_eq!((state.upgrades, state.supervisor.processes()), (3, 0));
    }

    #[test]
    fn the_deepest_value_of_a_plugin_is_read_and_nothing_deeper() {
        let deepest = (0..80).fold(Value::Nil, |value, _| Value::structure([("a", value)]));
        let mut plugins = HandedOver::default();
        plugins.insert("rpcinterface:deep".to_owned(), deepest).unwrap();
        let (_, again): (State, HandedOver) = decode(&encode(&plugins, &State::default()).unwrap()).unwrap();
        assert_eq!(again, plugins);
        let nothing = rmp_serde::to_vec_named(&plugins).unwrap();
        let unknown = [&b"\x81\xa1x"[..], &vec![0x91; 100_000]].concat();
        let bytes = [&head(nothing.len() as u64, unknown.len() as u64)[..], &nothing, &unknown].concat();
        assert!(decode::<HandedOver>(&bytes).unwrap_err().contains("depth limit exceeded"));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let cut_off = "cannot read the state: it is cut off";
        for (bytes, why) in [
            (b"x".to_vec(), cut_off),
            (b"state of supervisord, 2\n0123456789abcdef".to_vec(), "the state is of a format that this version"),
            (head(0, 5), cut_off),
            (head(u64::MAX, 5), cut_off),
            ([head(0, 1), vec![0xc1]].concat(), "cannot read the state: "),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = read::<Vec<String>>(&File::open(&path).unwrap()).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
