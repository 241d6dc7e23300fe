//! Frames: what was written at once, with a checksum.
//!
//! A file begins with `supcache`, the version of this format, a number that is the file's own, and the checksum of
//! these. A frame begins with the file's number, which is how one is found again behind damage; no client knows it, and
//! so none can store what looks like a frame. Then come a checksum of all that follows, the length of the payload, the
//! frame's number, the number of the last frame that was known to be on the disk, and the payload. Zeros may follow the
//! last frame: room for the next ones.

use std::io::{self, Read};

use crate::store::bytes::Reader;

/// Bytes before the payload of a frame.
pub(super) const FRAME_HEADER: usize = 28;

/// Bytes before the first frame.
pub(super) const FILE_HEADER: usize = 20;

const MAGIC: &[u8; 8] = b"supcache";
const VERSION: u32 = 1;

/// The header of a file with this number.
pub(super) fn file_header(number: u32) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&number.to_le_bytes());
    let checksum = crc32fast::hash(&header[..16]);
    header[16..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The number of a file; an inner error is what is damaged of its header.
///
/// # Errors
///
/// That the file is of another version, which is no damage.
pub(super) fn file_number(header: &[u8; FILE_HEADER]) -> io::Result<Result<u32, &'static str>> {
    let mut reader = Reader::new(header);
    let mut fields = || Some((reader.array()?, reader.u32()?, reader.u32()?, reader.u32()?));
    Ok(match fields() {
        Some((magic, ..)) if magic != *MAGIC => Err("its first bytes are not those of a cache"),
        Some((.., checksum)) if checksum != crc32fast::hash(&header[..16]) => {
            Err("the checksum of its header is wrong")
        }
        Some((_, VERSION, number, _)) => Ok(number),
        Some((_, version, ..)) => {
            return Err(io::Error::other(format!("it is of version {version}, and this library knows {VERSION}")));
        }
        None => Err("it has no header"),
    })
}

/// The numbers in a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Number of the frame; one more than that of the frame before.
    pub(super) number: u64,
    /// Number of the last frame that was known to be on the disk when this one was written.
    pub(super) synced: u64,
}

/// Begin a frame: its payload is to be appended.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.resize(FRAME_HEADER, 0);
}

/// Fill in the header of a frame whose payload has been appended.
pub(super) fn finish(out: &mut [u8], file_number: u32, header: Header) {
    let len = u32::try_from(out.len() - FRAME_HEADER).expect("a frame is far shorter than 4 GiB");
    out[..4].copy_from_slice(&file_number.to_le_bytes());
    out[8..12].copy_from_slice(&len.to_le_bytes());
    out[12..20].copy_from_slice(&header.number.to_le_bytes());
    out[20..28].copy_from_slice(&header.synced.to_le_bytes());
    let checksum = crc32fast::hash(&out[8..]);
    out[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// The next frame of a file, of which `left` bytes are left. Its payload is put into `payload`; none if there is no
/// whole frame.
pub(super) fn read(
    file: &mut impl Read,
    left: u64,
    file_number: u32,
    payload: &mut Vec<u8>,
) -> io::Result<Option<Header>> {
    let mut head = [0; FRAME_HEADER];
    if left < FRAME_HEADER as u64 {
        return Ok(None);
    }
    file.read_exact(&mut head)?;
    let mut reader = Reader::new(&head);
    let (Some(its_number), Some(checksum), Some(len), Some(number), Some(synced)) =
        (reader.u32(), reader.u32(), reader.u32(), reader.u64(), reader.u64())
    else {
        return Ok(None);
    };
    if its_number != file_number || u64::from(len) > left - FRAME_HEADER as u64 {
        return Ok(None);
    }
    payload.resize(len as usize, 0);
    file.read_exact(payload)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head[8..]);
    hasher.update(payload);
    Ok((hasher.finalize() == checksum).then_some(Header { number, synced }))
}

/// Find the next whole frame in these bytes: where it begins.
pub(super) fn find(bytes: &[u8], file_number: u32) -> Option<usize> {
    let mark = file_number.to_le_bytes();
    let mut from = 0;
    let mut payload = Vec::new();
    while let Some(at) = bytes.get(from..)?.windows(4).position(|window| window == mark) {
        let mut rest = &bytes[from + at..];
        let left = rest.len() as u64;
        if matches!(read(&mut rest, left, file_number, &mut payload), Ok(Some(_))) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}
