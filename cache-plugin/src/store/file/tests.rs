use std::{
    collections::BTreeMap,
    fs,
    future::Future as _,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use plugin_api::{Fault, Host, Value, block_on, testing::FakeHost};

use super::{SyncMode, frame, open};
use crate::store::{
    clock::Clock,
    contract::{Limits, Page, Store},
    events::Events,
    local::Shared,
    operation::Operation,
};

fn open_at(path: &Path, host: &Host) -> Result<Arc<dyn Store>, Fault> {
    open_with(path, SyncMode::Always, host)
}

fn open_with(path: &Path, sync: SyncMode, host: &Host) -> Result<Arc<dyn Store>, Fault> {
    let shared = Shared::new(Limits::default(), Clock::default(), Events::default());
    open(path, sync, shared, host).map(|store| Arc::new(store) as _)
}

fn write(store: &Arc<dyn Store>, operation: Operation) -> Result<Value, Fault> {
    block_on(store.write(operation).result())
}

fn store(store: &Arc<dyn Store>, key: &str, value: impl Into<Value>) -> Result<Value, Fault> {
    write(store, Operation::Store { key: key.into(), value: value.into(), lifetime: None })
}

/// Everything that a store has.
fn all(store: &Arc<dyn Store>) -> BTreeMap<String, Value> {
    let keys = block_on(store.list(Page::default()).result()).unwrap();
    let fetch = |key: &String| block_on(store.fetch(key).result()).unwrap().unwrap();
    keys.into_iter().map(|key| (key.clone(), fetch(&key))).collect()
}

struct Fixture {
    directory: tempfile::TempDir,
    host: FakeHost,
}

impl Fixture {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), host: FakeHost::new() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    fn open(&self) -> Arc<dyn Store> {
        open_at(&self.path(), &self.host.host()).unwrap()
    }

    /// The entries of a store of these bytes, and the log's lines about them.
    fn read(&self, bytes: &[u8]) -> (BTreeMap<String, Value>, Vec<String>) {
        fs::write(self.path(), bytes).unwrap();
        let host = FakeHost::new();
        let entries = all(&open_at(&self.path(), &host.host()).unwrap());
        (entries, host.logs())
    }

    /// The files that were kept aside.
    fn aside(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.directory.path()).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.to_string_lossy().contains(".damaged-")).collect()
    }
}

/// Who is woken, as a number in a channel.
struct Woken(usize, std::sync::mpsc::Sender<usize>);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.1.send(self.0);
    }
}

/// All store at once, and nobody who is woken does anything: as if each were on a thread that is held up.
#[test]
fn who_does_not_take_an_answer_holds_up_no_other() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let (sender, woken) = std::sync::mpsc::channel();
    let mut answers: Vec<_> = (0..50)
        .map(|number| {
            let operation = Operation::Store { key: "k".into(), value: number.into(), lifetime: None };
            let mut answer = Box::pin(store.write(operation).result());
            let waker = Arc::new(Woken(usize::try_from(number).unwrap(), sender.clone())).into();
            let polled = answer.as_mut().poll(&mut std::task::Context::from_waker(&waker));
            (answer, polled.is_ready())
        })
        .collect();
    let mut left: Vec<_> = (0..50).filter(|number| !answers[*number].1).collect();
    while !left.is_empty() {
        let number = woken.recv_timeout(Duration::from_mins(1)).unwrap();
        left.retain(|other| *other != number);
    }
    for (answer, was_ready) in &mut answers {
        assert!(*was_ready || block_on(answer.as_mut()).is_ok());
    }
}

/// A file with an entry in each frame, where each frame begins, and the number of entries.
fn ten_frames(fixture: &Fixture) -> (Vec<u8>, Vec<usize>) {
    let opened = fixture.open();
    let mut starts = Vec::new();
    for number in 0..10 {
        starts.push(usize::try_from(fs::metadata(fixture.path()).unwrap().len()).unwrap());
        store(&opened, &format!("k{number}"), "x".repeat(1000 * number)).unwrap();
    }
    // Read before the store ends, which marks it.
    (fs::read(fixture.path()).unwrap(), starts)
}

#[test]
fn what_is_stored_is_there_after_a_restart() {
    let fixture = Fixture::new();
    let opened = fixture.open();
    for number in 0..100 {
        store(&opened, &format!("k{number}"), number).unwrap();
    }
    write(&opened, Operation::Clear).unwrap();
    store(&opened, "a", Value::array([1.into(), Value::Nil])).unwrap();
    store(&opened, "b", "x".repeat(100_000)).unwrap();
    write(&opened, Operation::Delete { key: "a".into() }).unwrap();
    write(&opened, Operation::Increment { key: "n".into(), by: 7 }).unwrap();
    let before = all(&opened);
    assert_eq!(before.len(), 2);
    drop(opened);
    assert_eq!(all(&fixture.open()), before);
    assert!(fixture.host.logs().is_empty(), "{:?}", fixture.host.logs());
}

#[test]
fn a_file_that_ends_anywhere_has_what_was_written_whole() {
    let fixture = Fixture::new();
    let (bytes, starts) = ten_frames(&fixture);
    for len in (starts[0]..bytes.len()).step_by(331).chain(starts.iter().copied()) {
        let (entries, logs) = fixture.read(&bytes[..len]);
        let whole = starts.iter().filter(|start| **start < len).count().saturating_sub(1)
            + usize::from(starts.contains(&len) && len > starts[0]);
        assert_eq!(entries.len(), whole, "{len}");
        if starts.contains(&len) {
            assert!(logs.is_empty(), "{len} {logs:?}");
        } else {
            assert!(logs.len() == 1 && logs[0].contains("had never been written whole"), "{len} {logs:?}");
        }
    }
    assert!(fixture.aside().is_empty());
    // It goes on from there.
    let (_, _) = fixture.read(&bytes[..bytes.len() - 1]);
    let opened = fixture.open();
    store(&opened, "more", 1).unwrap();
    drop(opened);
    assert_eq!(all(&fixture.open()).len(), 10);
}

#[test]
fn of_a_last_frame_any_page_may_be_missing() {
    let fixture = Fixture::new();
    let (bytes, starts) = ten_frames(&fixture);
    let last = starts[9];
    for page in (last / 512..bytes.len() / 512).map(|page| (page * 512).max(last)) {
        let mut torn = bytes.clone();
        torn[page..(page + 512).min(bytes.len())].fill(0);
        let (entries, logs) = fixture.read(&torn);
        assert_eq!(entries.len(), 9, "{page}");
        assert!(logs.len() == 1 && logs[0].starts_with("warn: "), "{logs:?}");
    }
    assert!(fixture.aside().is_empty());
}

/// A file as it was after each of some frames, and where these ended. The last two were written into room behind the
/// others, which a writer makes that is busy for a moment.
fn with_room(fixture: &Fixture) -> Vec<(Vec<u8>, usize)> {
    let opened = fixture.open();
    let mut files: Vec<(Vec<u8>, usize)> = Vec::new();
    let has_room = |(bytes, end): &(Vec<u8>, usize)| bytes.len() > end + 1000;
    while !files.last_chunk().is_some_and(|[one, other]| has_room(one) && has_room(other)) {
        let number = files.len();
        store(&opened, &format!("k{number}"), format!("value {number}")).unwrap();
        let bytes = fs::read(fixture.path()).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        files.push((bytes, end));
    }
    files
}

#[test]
fn a_file_with_room_behind_its_frames_is_whole_at_any_time() {
    let (fixture, copy) = (Fixture::new(), Fixture::new());
    let files = with_room(&fixture);
    // The store has ended, has marked the file, and has given back what it had over.
    let (_, end) = files.last().unwrap();
    assert_eq!(fs::metadata(fixture.path()).unwrap().len(), (end + frame::FRAME_HEADER) as u64);
    assert_eq!(all(&fixture.open()).len(), files.len());
    for (number, (bytes, _)) in files.iter().enumerate() {
        let (entries, logs) = copy.read(bytes);
        assert_eq!((entries.len(), &logs[..]), (number + 1, &[][..]));
    }
}

#[test]
fn what_is_torn_before_the_room_is_told_without_it() {
    let fixture = Fixture::new();
    let files = with_room(&fixture);
    let Some([(_, begin), (bytes, end)]) = files.last_chunk() else { panic!("there are two") };
    for last in *begin..*end {
        let mut torn = bytes.clone();
        torn[last] = if torn[last] == 1 { 2 } else { 1 };
        torn[last + 1..].fill(0);
        let (entries, logs) = fixture.read(&torn);
        assert_eq!(entries.len(), files.len() - 1);
        let told = format!("warn: cache: the last {} bytes of ", last + 1 - begin);
        assert!(logs.len() == 1 && logs[0].starts_with(&told), "{logs:?}");
    }
    assert!(fixture.aside().is_empty());
}

#[test]
fn damage_is_told_and_kept_aside_and_the_rest_is_read() {
    let fixture = Fixture::new();
    let (bytes, starts) = ten_frames(&fixture);
    for at in (0..starts[9]).step_by(613).chain([8, 12, 16, 19, starts[3], starts[3] + 4, starts[3] + 9]) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let (entries, logs) = fixture.read(&damaged);
        let expected = if at < frame::FILE_HEADER { 10 } else { 9 };
        assert_eq!(entries.len(), expected, "{at}");
        let critical = logs[0].strip_prefix("critical: cache: ").unwrap();
        let told = format!("{expected} entries could be read and are there; the damaged file is kept as ");
        assert!(critical.contains(" is damaged: ") && critical.contains(&told), "{at} {critical}");
        let [aside] = &fixture.aside()[..] else { panic!("{:?}", fixture.aside()) };
        assert!(critical.ends_with(&*aside.to_string_lossy()));
        assert_eq!(fs::read(aside).unwrap(), damaged);
        fs::remove_file(aside).unwrap();
        // What was made of it is whole.
        let host = FakeHost::new();
        assert_eq!(all(&open_at(&fixture.path(), &host.host()).unwrap()), entries);
        assert!(host.logs().is_empty());
    }
}

#[test]
fn damage_of_the_end_is_known_once_the_file_was_idle_or_closed() {
    let fixture = Fixture::new();
    let (bytes, starts) = ten_frames(&fixture);
    let closed = {
        let opened = fixture.open();
        drop(opened);
        fs::read(fixture.path()).unwrap()
    };
    assert!(closed.len() > bytes.len());
    let mut damaged = closed.clone();
    damaged[starts[9] + 100] ^= 1;
    let (entries, logs) = fixture.read(&damaged);
    assert_eq!(entries.len(), 9);
    assert!(logs[0].starts_with("critical: "), "{logs:?}");
}

#[test]
fn what_is_no_cache_is_never_silently_empty() {
    for bytes in [&b""[..], b"supcache", b"[rpcinterface:cache]\nsomething else altogether\n", &[0; 5000]] {
        let fixture = Fixture::new();
        let (entries, logs) = fixture.read(bytes);
        assert!(entries.is_empty());
        assert!(logs[0].starts_with("critical: ") && logs[0].contains(" 0 entries could be read"), "{logs:?}");
        assert_eq!(fs::read(&fixture.aside()[0]).unwrap(), bytes);
    }
}

#[test]
fn a_file_from_a_newer_version_stays_as_it_is() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let mut bytes = fs::read(fixture.path()).unwrap();
    bytes[8] = 2;
    let checksum = crc32fast::hash(&bytes[..16]).to_le_bytes();
    bytes[16..20].copy_from_slice(&checksum);
    fs::write(fixture.path(), &bytes).unwrap();
    let fault = open_at(&fixture.path(), &fixture.host.host()).err().unwrap();
    assert!(fault.code == 241 && fault.text.ends_with("is of version 2, and this library knows 1"), "{fault}");
    assert_eq!(fs::read(fixture.path()).unwrap(), bytes);
}

#[test]
fn a_client_cannot_store_what_looks_like_a_frame() {
    let fixture = Fixture::new();
    let opened = fixture.open();
    store(&opened, "inner", "harmless").unwrap();
    let frame = fs::read(fixture.path()).unwrap()[frame::FILE_HEADER..].to_vec();
    drop(opened);
    let other = Fixture::new();
    let opened = other.open();
    store(&opened, "outer", Value::Base64([frame, vec![0; 100]].concat().into())).unwrap();
    let bytes = fs::read(other.path()).unwrap();
    drop(opened);
    let (entries, logs) = other.read(&bytes[..bytes.len() - 1]);
    assert!(entries.is_empty() && logs[0].starts_with("warn: "), "{entries:?} {logs:?}");
}

#[test]
fn the_file_does_not_grow_without_end() {
    let fixture = Fixture::new();
    let opened = fixture.open();
    for number in 0..300 {
        store(&opened, "k", "x".repeat(100_000 + number)).unwrap();
        store(&opened, &format!("k{number}"), number.to_string()).unwrap();
    }
    let before = all(&opened);
    let size = fs::metadata(fixture.path()).unwrap().len();
    assert!(size < 6 << 20, "{size}");
    drop(opened);
    assert_eq!(all(&fixture.open()), before);
    let files = fs::read_dir(fixture.directory.path()).unwrap().count();
    assert_eq!(files, 2, "the file and its lock");
}

#[test]
fn a_file_that_was_about_to_be_replaced_is_found() {
    let fixture = Fixture::new();
    let opened = fixture.open();
    store(&opened, "k", 1).unwrap();
    drop(opened);
    fs::rename(fixture.path(), fixture.directory.path().join("cache.new")).unwrap();
    assert_eq!(all(&fixture.open()).len(), 1);
    // One that was never finished is of no interest.
    fs::write(fixture.directory.path().join("cache.new"), "half").unwrap();
    assert_eq!(all(&fixture.open()).len(), 1);
}

#[test]
fn a_second_one_is_refused_with_the_process_of_the_first() {
    let fixture = Fixture::new();
    let opened = fixture.open();
    let fault = open_at(&fixture.path(), &fixture.host.host()).err().unwrap();
    let path = fixture.path();
    let expected = format!("STORE_FAILED: {} is in use by the process {}", path.display(), std::process::id());
    assert_eq!(fault, Fault::new(241, expected));
    drop(opened);
    fixture.open();
}

/// A file system of 256 KiB; none where this process may not make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "none"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_and_changes_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("no file system can be mounted here");
        return;
    };
    let (path, host) = (disk.0.path().join("cache"), FakeHost::new());
    let opened = open_at(&path, &host.host()).unwrap();
    store(&opened, "k", "old").unwrap();
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![1; 200 << 10]).unwrap();
    let before = all(&opened);
    for _ in 0..3 {
        let fault = store(&opened, "k", "x".repeat(100_000)).unwrap_err();
        let told = format!("STORE_FAILED: cannot write {}: No space left on device", path.display());
        assert!(fault.code == 241 && fault.text.starts_with(&told), "{fault}");
        assert_eq!(all(&opened), before);
    }
    // What there is room for is still taken, and all of it when there is room again.
    store(&opened, "small", 1).unwrap();
    fs::remove_file(&ballast).unwrap();
    store(&opened, "k", "x".repeat(100_000)).unwrap();
    let after = all(&opened);
    drop(opened);
    let logs = host.logs();
    assert!(logs[0].starts_with("error: cache: cannot write") && logs[1].ends_with("is written again"), "{logs:?}");
    assert_eq!(logs.len(), 2);
    assert_eq!(all(&open_at(&path, &host.host()).unwrap()), after);
    assert_eq!(host.logs().len(), 2);
}

#[test]
fn a_disk_without_room_for_more_takes_what_it_can() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("no file system can be mounted here");
        return;
    };
    let (path, host) = (disk.0.path().join("cache"), FakeHost::new());
    let opened = open_at(&path, &host.host()).unwrap();
    let stores = 200;
    for number in 0..stores {
        store(&opened, &format!("k{number}"), number.to_string()).unwrap();
    }
    let other = disk.0.path().join("other");
    fs::write(other, vec![1; 150 << 10]).expect("the room that it did not get is not taken");
    drop(opened);
    assert_eq!(all(&open_at(&path, &host.host()).unwrap()).len(), stores);
    assert!(host.logs().is_empty(), "{:?}", host.logs());
}

/// A process that writes until it is killed, and says what it was told is stored. Ignored, for it is no test by itself:
/// the next one runs it by its name, in a process that it can kill.
#[test]
#[ignore = "the other process of kill_nine"]
fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os("CACHE_TEST_FILE") else { return };
    let sync = if std::env::var_os("CACHE_TEST_SYNC").is_some() { SyncMode::EverySecond } else { SyncMode::Always };
    let opened = open_with(Path::new(&path), sync, &FakeHost::new().host()).unwrap();
    let run = std::env::var("CACHE_TEST_RUN").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (opened, run) = (&opened, &run);
            scope.spawn(move || {
                for number in 0.. {
                    let key = format!("{run}:{thread}:{number:06}");
                    store(opened, &key, "v".repeat(number % 3000)).unwrap();
                    writeln!(std::io::stdout(), "\nstored {key}").unwrap();
                }
            });
        }
    });
}

#[test]
fn kill_nine_loses_nothing_that_was_answered() {
    for sync in [SyncMode::Always, SyncMode::EverySecond] {
        let fixture = Fixture::new();
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for run in 0..10 {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["--exact", "store::file::tests::writes_until_it_is_killed", "--ignored", "--nocapture"])
                .env("CACHE_TEST_FILE", fixture.path())
                .env("CACHE_TEST_RUN", run.to_string())
                .stdout(Stdio::piped());
            if sync == SyncMode::EverySecond {
                command.env("CACHE_TEST_SYNC", "1");
            }
            let mut child = command.spawn().unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut stored =
                lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("stored ").map(str::to_owned));
            let mut told: Vec<String> = stored.by_ref().take(50 + run * 70).collect();
            child.kill().unwrap();
            child.wait().unwrap();
            told.extend(stored);
            for key in &told {
                let (thread, number) = key.rsplit_once(':').unwrap();
                let next = expected.entry(thread.to_owned()).or_default();
                *next = number.parse::<usize>().unwrap() + 1;
            }
            let entries = all(&fixture.open());
            for (thread, next) in &expected {
                let its: Vec<_> = entries.iter().filter(|(key, _)| key.starts_with(&format!("{thread}:"))).collect();
                // The last one of each may have been stored, and its answer lost.
                assert!(its.len() == *next || its.len() == next + 1, "{thread}: {} instead of {next}", its.len());
                for (number, (key, value)) in its.into_iter().enumerate() {
                    assert_eq!(*key, format!("{thread}:{number:06}"));
                    assert_eq!(*value, "v".repeat(number % 3000).as_str());
                }
                // What was found is what there is from now on.
            }
            for (thread, next) in &mut expected {
                *next = entries.keys().filter(|key| key.starts_with(&format!("{thread}:"))).count();
            }
        }
    }
}

#[test]
fn with_everysec_all_is_on_the_disk_within_a_second_or_so() {
    let fixture = Fixture::new();
    let opened = open_with(&fixture.path(), SyncMode::EverySecond, &fixture.host.host()).unwrap();
    store(&opened, "k", 1).unwrap();
    let len = || fs::metadata(fixture.path()).unwrap().len();
    let (before, end) = (len(), Instant::now() + Duration::from_secs(10));
    // The mark comes after the sync.
    while len() == before && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(len(), before + frame::FRAME_HEADER as u64);
}
