//! The file: opened, read, written to, and made anew.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::frame::{self, FILE_HEADER, Header};
use crate::store::{
    local::Shared,
    operation::{Change, Changes},
    record,
    table::PAGE,
};

/// When what was written has to be on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SyncMode {
    /// Before the answer.
    #[default]
    Always,
    /// Within a second.
    EverySecond,
}

/// Below this size a file is left as it is, however little of it is of use.
const SMALL: u64 = 4 << 20;

/// Bytes of a frame when a file is made anew.
const CHUNK: usize = 1 << 20;

/// Frames since the last mark after which room is made for the next ones.
const DENSE: u32 = 32;

/// Bytes of room that is made at once.
const ROOM: usize = 512 << 10;

/// Flaw that was found in a file beside whole frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// End that was never written whole: so many bytes.
    Torn(u64),
    /// Damage: the file was whole once, and is no more.
    Damaged {
        /// Words for what is wrong.
        what: String,
        /// Name under which the damaged file is kept.
        aside: PathBuf,
    },
}

/// A file that is being written to.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Arc<File>,
    /// The file's own number.
    number: u32,
    /// Bytes that are written.
    len: u64,
    /// Number of the next frame.
    next: u64,
    /// Number of the last frame that is known to be on the disk.
    synced: u64,
    /// Frames since the last mark, which is no longer the last frame then; a file that is opened counts for one.
    unmarked: u32,
    /// Bytes up to which zeros were written, or could not be.
    room: u64,
    /// Set when the file cannot be relied on: it is made anew before anything else is written.
    broken: bool,
}

impl Log {
    /// Open a file and read its entries into memory; make one where there is none. What was found beside them is
    /// told, and the file is as it should be then.
    pub(super) fn open(path: &Path, shared: &Shared) -> io::Result<(Self, Option<Finding>)> {
        let beside = beside(path, "new");
        if !path.exists() && beside.exists() {
            // The file was about to be replaced by this one when the process or the machine ended.
            fs::rename(&beside, path)?;
        }
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Self::create(path, shared)?, None)),
            Err(error) => return Err(error),
        };
        let size = file.metadata()?.len();
        let mut reading = Reading { shared, len: 0, written: 0, next: 1, last_synced: 0 };
        let finding = reading.all(&file, size)?;
        let number = match finding {
            Err(damage) => {
                let aside = keep_aside(path)?;
                return Ok((Self::create(path, shared)?, Some(Finding::Damaged { what: damage, aside })));
            }
            Ok(number) => number,
        };
        let Reading { len, written, next, .. } = reading;
        let torn = (len < written).then(|| Finding::Torn(written - len));
        if len < size {
            file.set_len(len)?;
        }
        file.sync_data()?;
        let mut log = Self::new(path, file, number, len, next);
        // A file that is larger than it has to be works, too.
        let _ = log.tidy(shared);
        Ok((log, torn))
    }

    /// Make a file of all entries, in the place of the one that may be there.
    fn create(path: &Path, shared: &Shared) -> io::Result<Self> {
        let (number, beside) = (random(), beside(path, "new"));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let made = (|| {
            file.write_all_at(&frame::file_header(number), 0)?;
            let (len, next) = write_entries(&file, number, shared)?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            // Without this a power cut could bring the old file back.
            File::open(directory(path))?.sync_all()?;
            Ok((len, next))
        })();
        match made {
            Ok((len, next)) => Ok(Self::new(path, file, number, len, next)),
            Err(error) => {
                // It would take the room that is needed.
                let _ = fs::remove_file(&beside);
                Err(error)
            }
        }
    }

    /// A file whose frames are all on the disk.
    fn new(path: &Path, file: File, number: u32, len: u64, next: u64) -> Self {
        let (path, file, synced) = (path.to_owned(), Arc::new(file), next - 1);
        Self { path, file, number, len, next, synced, unmarked: 1, room: len, broken: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file, without the room behind its frames.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Write a frame, which [`frame::begin`] has begun. If it fails, the file is as it was.
    pub(super) fn write(&mut self, frame: &mut [u8], sync: SyncMode, shared: &Shared) -> io::Result<()> {
        self.mend(shared)?;
        frame::finish(frame, self.number, Header { number: self.next, synced: self.synced });
        let end = self.len + frame.len() as u64;
        let written = self.file.write_all_at(frame, self.len);
        let kept = written.and_then(|()| match sync {
            SyncMode::Always => {
                self.make_room(end);
                self.file.sync_data()
            }
            SyncMode::EverySecond => Ok(()),
        });
        if let Err(error) = kept {
            // Nothing of it may be found later on.
            self.room = self.len;
            self.broken = self.file.set_len(self.len).and_then(|()| self.file.sync_data()).is_err();
            return Err(error);
        }
        if sync == SyncMode::Always {
            self.synced = self.next;
        }
        self.len = end;
        self.next += 1;
        self.unmarked = self.unmarked.saturating_add(1);
        Ok(())
    }

    /// Write zeros behind the last frame once many come one after another: to write over them takes a disk less than
    /// to make the file longer each time. Where they find no place, it goes on without them for as many bytes.
    fn make_room(&mut self, end: u64) {
        if end > self.room && self.unmarked >= DENSE {
            self.room = end + ROOM as u64;
            if self.file.write_all_at(&vec![0; ROOM], end).is_err() {
                let _ = self.file.set_len(end);
            }
        }
    }

    /// Return true if something is written that is not known to be on the disk.
    pub(super) fn is_behind(&self) -> bool {
        self.synced + 1 < self.next && !self.broken && self.unmarked > 0
    }

    /// Make the file anew if it cannot be relied on.
    pub(super) fn mend(&mut self, shared: &Shared) -> io::Result<()> {
        if self.broken {
            *self = Self::create(&self.path, shared)?;
        }
        Ok(())
    }

    /// Return true if [`mend`](Self::mend) has something to do.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Frames that are to be on the disk, for another thread to see to it.
    pub(super) fn behind(&self) -> Behind {
        Behind { file: Arc::clone(&self.file), number: self.number, last: self.next - 1 }
    }

    /// Note what another thread has seen to.
    pub(super) fn note_synced(&mut self, behind: &Behind, outcome: &io::Result<()>) {
        // A file that has been made anew meanwhile is on the disk anyway.
        if behind.number == self.number {
            match outcome {
                Ok(()) => self.synced = self.synced.max(behind.last),
                Err(_) => self.broken = true,
            }
        }
    }

    /// See to it that all is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match self.file.sync_data() {
            Ok(()) => {
                self.synced = self.next - 1;
                Ok(())
            }
            Err(error) => {
                // What a disk has refused once is not offered to it a second time.
                self.broken = true;
                Err(error)
            }
        }
    }

    /// Return true if [`mark`](Self::mark) has something to say.
    pub(super) fn is_unmarked(&self) -> bool {
        self.unmarked > 0 && !self.broken && self.synced + 1 == self.next && self.next > 1
    }

    /// Write an empty frame, which tells that all before it are on the disk: damage is known as such from then on. It
    /// need not be on the disk itself. What was left of the room behind it is given back.
    pub(super) fn mark(&mut self) -> io::Result<()> {
        let mut mark = Vec::new();
        frame::begin(&mut mark);
        frame::finish(&mut mark, self.number, Header { number: self.next, synced: self.synced });
        // If it does not work there is no mark, or half of one: what comes next is written over it.
        self.unmarked = 0;
        let written = self.file.write_all_at(&mark, self.len);
        if written.is_ok() {
            self.len += mark.len() as u64;
            self.next += 1;
        }
        if self.room > self.len {
            self.room = self.len;
            // Zeros that stay are written over, or read as the room that they are.
            let _ = self.file.set_len(self.len);
        }
        written
    }

    /// Make the file anew if more than half of it is of no use.
    pub(super) fn tidy(&mut self, shared: &Shared) -> io::Result<()> {
        let useful = shared.read().bytes();
        if self.len > SMALL && self.len / 2 > useful {
            *self = Self::create(&self.path, shared)?;
        }
        Ok(())
    }
}

/// Frames that are to be on the disk.
#[derive(Debug)]
pub(super) struct Behind {
    file: Arc<File>,
    /// The file's own number.
    number: u32,
    /// Number of the last frame.
    last: u64,
}

impl Behind {
    /// See to it that they are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A file as far as it has been read.
struct Reading<'a> {
    shared: &'a Shared,
    /// Bytes up to the end of the last whole frame.
    len: u64,
    /// Bytes up to the end of what was written, the room behind it left out.
    written: u64,
    /// Number of the next frame.
    next: u64,
    /// Number of the last frame that any frame knows to be on the disk.
    last_synced: u64,
}

impl Reading<'_> {
    /// Read all frames, and give the file's number. The inner error is what is damaged; the entries of whole frames
    /// are read all the same.
    fn all(&mut self, file: &File, size: u64) -> io::Result<Result<u32, String>> {
        let mut header = [0; FILE_HEADER];
        let mut reader = BufReader::with_capacity(CHUNK, file);
        if size < FILE_HEADER as u64 {
            return Ok(Err(format!("it has {size} bytes, which is less than a header")));
        }
        reader.read_exact(&mut header)?;
        self.len = FILE_HEADER as u64;
        let (mut number, mut damage) = (0, None);
        match frame::file_number(&header)? {
            Ok(known) => number = known,
            Err(what) => {
                // The first frame has the number, too.
                let mut first = [0; 4];
                if reader.read_exact(&mut first).is_ok() {
                    number = u32::from_le_bytes(first);
                }
                reader.seek(SeekFrom::Start(self.len))?;
                damage = Some(what.to_owned());
            }
        }
        let mut payload = Vec::new();
        while self.len < size {
            let read = frame::read(&mut reader, size - self.len, number, &mut payload)?;
            if let Some(header) = read.filter(|header| damage.is_some() || header.number == self.next) {
                self.take(header, &payload, &mut damage);
                continue;
            }
            // What follows tells whether this was whole once.
            reader.seek(SeekFrom::Start(self.len))?;
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest)?;
            let at = self.len;
            let missing = self.next;
            let mut behind = Reading { shared: &Shared::default(), ..*self };
            behind.scan(&rest, number);
            if behind.last_synced < missing {
                let room = rest.iter().rev().take(ROOM).take_while(|byte| **byte == 0).count();
                self.written = at + (rest.len() - room) as u64;
                break;
            }
            damage.get_or_insert_with(|| format!("there is no whole frame at byte {at}, where number {missing} was"));
            self.scan(&rest, number);
            break;
        }
        Ok(damage.map_or(Ok(number), Err))
    }

    /// Read all whole frames among these bytes.
    fn scan(&mut self, bytes: &[u8], number: u32) {
        let (mut rest, mut payload) = (bytes, Vec::new());
        while let Some(at) = frame::find(rest, number) {
            rest = &rest[at..];
            let left = rest.len() as u64;
            if let Ok(Some(header)) = frame::read(&mut rest, left, number, &mut payload) {
                self.take(header, &payload, &mut None);
            }
        }
    }

    /// Take a whole frame in.
    fn take(&mut self, header: Header, payload: &[u8], damage: &mut Option<String>) {
        self.len += (frame::FRAME_HEADER + payload.len()) as u64;
        self.next = header.number + 1;
        self.last_synced = self.last_synced.max(header.synced);
        match record::read(payload) {
            Some(changes) => {
                let mut removed = Vec::new();
                self.shared.lock().apply(Changes::Many(changes), &mut removed);
            }
            None => {
                damage.get_or_insert_with(|| format!("the frame before byte {} makes no sense", self.len));
            }
        }
    }
}

/// Write all entries behind the header, some at a time. Return the size of the file, and the number of the next frame.
fn write_entries(file: &File, number: u32, shared: &Shared) -> io::Result<(u64, u64)> {
    let (mut len, mut next) = (FILE_HEADER as u64, 1);
    let mut last: Option<Box<str>> = None;
    let mut out = Vec::new();
    frame::begin(&mut out);
    loop {
        let more = {
            let table = shared.read();
            let from = last.as_deref().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
            let (mut page, mut end) = (0, None);
            for (key, cached) in table.range(from).take(PAGE) {
                record::put_entry(&mut out, key, cached);
                (page, end) = (page + 1, Some(key));
                if out.len() >= CHUNK {
                    page = PAGE;
                    break;
                }
            }
            if let Some(end) = end {
                last = Some(end.clone());
            }
            page == PAGE
        };
        if out.len() >= CHUNK || (!more && out.len() > frame::FRAME_HEADER) {
            frame::finish(&mut out, number, Header { number: next, synced: next - 1 });
            file.write_all_at(&out, len)?;
            len += out.len() as u64;
            next += 1;
            frame::begin(&mut out);
        }
        if !more {
            return Ok((len, next));
        }
    }
}

/// Give a damaged file a second name, under which it stays.
fn keep_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = aside(path);
    fs::hard_link(path, &aside).or_else(|_| fs::copy(path, &aside).map(drop))?;
    Ok(aside)
}

/// The name under which a damaged file is kept.
fn aside(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    // Within one second a file is damaged but a few times.
    (now..now + 1000)
        .map(|second| beside(path, &format!("damaged-{second}")))
        .find(|path| !path.exists())
        .unwrap_or_default()
}

/// The path with that at its end.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A number that nobody can guess.
fn random() -> u32 {
    use std::hash::{BuildHasher as _, RandomState};
    let [a, b, c, d, ..] = RandomState::new().hash_one(std::process::id()).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Append the steps to a frame.
pub(super) fn put(frame: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        record::put(frame, change);
    }
}
