//! Log files in a folder of their own, and streams that nobody reads.

use super::{open::of_our_own, *};

const TIMEOUT: Duration = Duration::from_secs(20);

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_file_becomes_the_first_backup_and_the_oldest_is_dropped() {
    let dir = folder();
    let path = dir.path().join("log");
    let mut log = LogFile::open(&path, 10, 2).unwrap();
    for text in ["first 7890", "second 890", "third 7890", "rest"] {
        assert_eq!(log.write(text.as_bytes()), None);
    }
    assert_eq!(names(dir.path()), ["log", "log.1", "log.2"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "rest");
    assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "third 7890");
    assert_eq!(fs::read_to_string(dir.path().join("log.2")).unwrap(), "second 890");
}

#[test]
fn no_backups_keeps_none() {
    let dir = folder();
    let path = dir.path().join("log");
    let mut log = LogFile::open(&path, 10, 0).unwrap();
    log.write(b"0123456789");
    log.write(b"new");
    assert_eq!(names(dir.path()), ["log"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn an_old_file_is_appended_to_and_counts() {
    let dir = folder();
    let path = dir.path().join("log");
    fs::write(&path, "old ").unwrap();
    let mut log = LogFile::open(&path, 6, 1).unwrap();
    log.write(b"new");
    assert_eq!(names(dir.path()), ["log", "log.1"]);
    assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "old new");
}

#[test]
fn a_file_that_others_truncate_is_not_rotated_early() {
    let dir = folder();
    let path = dir.path().join("log");
    let mut log = LogFile::open(&path, 10, 1).unwrap();
    log.write(b"12345678");
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    log.write(b"abcd");
    assert_eq!(names(dir.path()), ["log"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "abcd", "and without a hole");
}

#[test]
fn clear_and_reopen_start_a_new_file() {
    let dir = folder();
    let path = dir.path().join("log");
    let mut log = LogFile::open(&path, 0, 0).unwrap();
    log.write(b"before");
    log.clear().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    fs::rename(&path, dir.path().join("moved")).unwrap();
    log.write(b"to the moved one");
    log.reopen().unwrap();
    log.write(b"after");
    assert_eq!(fs::read_to_string(&path).unwrap(), "after");
    assert_eq!(fs::read_to_string(dir.path().join("moved")).unwrap(), "to the moved one");
}

#[test]
fn devices_are_written_and_left_alone() {
    let mut log = LogFile::open(Path::new("/dev/null"), 5, 1).unwrap();
    assert_eq!(log.write(b"much more than five"), None);
    log.clear().unwrap();
    assert!(Path::new("/dev/null").exists() && !Path::new("/dev/null.1").exists());
}

#[test]
fn a_full_disk_is_said_once_and_so_is_its_end() {
    let mut log = LogFile::open(Path::new("/dev/full"), 0, 0).unwrap();
    assert_eq!(
        log.write(b"abc").as_deref(),
        Some("could not write to /dev/full: No space left on device (os error 28); output is lost")
    );
    assert_eq!(log.write(b"de"), None);
    log.path = "/dev/null".into();
    log.reopen().unwrap();
    assert_eq!(log.write(b"f").as_deref(), Some("/dev/null is written again; 5 bytes were lost"));
    assert_eq!(log.write(b"g"), None);
}

#[test]
fn a_rotation_that_fails_loses_nothing() {
    let dir = folder();
    let path = dir.path().join("log");
    fs::create_dir_all(dir.path().join("log.1/in the way")).unwrap();
    let mut log = LogFile::open(&path, 4, 1).unwrap();
    assert!(log.write(b"1234").unwrap().starts_with("could not rotate "));
    assert_eq!(log.write(b"5678"), None, "said once");
    assert_eq!(fs::read_to_string(&path).unwrap(), "12345678");
}

#[test]
fn a_fifo_that_nobody_reads_is_an_error_and_not_a_hang() {
    let dir = folder();
    let path = dir.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(LogFile::open(&path, 0, 0).is_err());
}

#[test]
fn a_stream_of_ours_that_nobody_reads_costs_one_wait_and_its_own_output() {
    for can_be_opened_anew in [true, false] {
        let (reading, writing) = nix::unistd::pipe().unwrap();
        let shared = writing.try_clone().unwrap();
        let opened = if can_be_opened_anew {
            of_our_own(writing.into()).unwrap()
        } else {
            Opened { file: writing.into(), rotates: false, waits: true }
        };
        let mut log = LogFile::closed(Path::new("/dev/stdout"), Rotation::default());
        (log.file, log.waits) = (Some(opened.file), opened.waits);
        assert_eq!(log.waits, !can_be_opened_anew);
        let begin = Instant::now();
        assert_eq!(log.write(&vec![b'x'; 65_536]), None, "as much as a pipe holds");
        assert_eq!(log.write(b"lost").unwrap(), "could not write to /dev/stdout: nobody reads it; output is lost");
        for _ in 0..100 {
            assert_eq!(log.write(b"lost"), None);
        }
        let mut buffer = [0; 8192];
        nix::unistd::read(&reading, &mut buffer).unwrap();
        assert_eq!(log.write(b"x").unwrap(), "/dev/stdout is written again; 404 bytes were lost");
        // Even so it is not trusted again at once.
        for _ in 0..100 {
            log.write(&[b'x'; 4096]);
        }
        let waited = begin.elapsed().as_millis();
        assert!((1_000..1_900).contains(&waited), "{waited}");
        let flags = nix::fcntl::fcntl(&shared, nix::fcntl::FcntlArg::F_GETFL).unwrap();
        assert_eq!(flags & libc::O_NONBLOCK, 0, "others share it");
    }
}

/// Write until that has an effect which shows in the file, and return the news.
fn write_until(log: &mut LogFile, mut done: impl FnMut() -> bool) -> Vec<String> {
    let begin = Instant::now();
    let mut news = Vec::new();
    while !done() {
        assert!(begin.elapsed() < TIMEOUT, "{news:?}");
        log.looked = begin.checked_sub(LOOK_AGAIN).unwrap(); // The second has passed.
        news.extend(log.write(b"line\n"));
    }
    news
}

#[test]
fn a_file_that_somebody_removes_is_made_anew() {
    let dir = folder();
    let path = dir.path().join("log");
    let mut log = LogFile::open(&path, 0, 0).unwrap();
    log.write(b"before\n");
    fs::remove_file(&path).unwrap();
    assert_eq!(write_until(&mut log, || path.exists()), [""; 0], "and nothing is lost");
    assert_eq!(fs::read_to_string(&path).unwrap(), "line\n");
}

#[test]
fn a_file_that_somebody_renames_is_written_to_until_it_is_reopened() {
    let dir = folder();
    let (path, moved) = (dir.path().join("log"), dir.path().join("log.moved"));
    let mut log = LogFile::open(&path, 0, 0).unwrap();
    fs::rename(&path, &moved).unwrap();
    write_until(&mut log, || fs::read_to_string(&moved).unwrap() == "line\n");
    assert!(!path.exists());
}

#[test]
fn a_folder_that_disappears_loses_output_until_it_is_back() {
    let dir = folder();
    let path = dir.path().join("sub/log");
    fs::create_dir(dir.path().join("sub")).unwrap();
    let mut log = LogFile::open(&path, 100, 1).unwrap();
    log.write(b"before\n");
    fs::remove_dir_all(dir.path().join("sub")).unwrap();
    let mut writes = 0;
    let news = write_until(&mut log, || {
        writes += 1;
        writes > 50
    });
    let lost = format!("could not write to {}: No such file or directory (os error 2); output is lost", path.display());
    assert_eq!(news, [lost]);
    fs::create_dir(dir.path().join("sub")).unwrap();
    let news = write_until(&mut log, || path.exists());
    assert_eq!(news, [format!("{} is written again; 250 bytes were lost", path.display())]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "line\n");
}

#[test]
fn a_log_that_could_not_be_opened_is_opened_as_soon_as_it_can_be() {
    let dir = folder();
    let path = dir.path().join("sub/log");
    let mut log = LogFile::closed(&path, Rotation::default());
    assert_eq!(log.write(b"lost\n"), None, "its owner has said so");
    fs::create_dir(dir.path().join("sub")).unwrap();
    let news = write_until(&mut log, || path.exists());
    assert_eq!(news, [format!("{} is written again; 5 bytes were lost", path.display())]);
}

#[test]
fn a_file_that_is_gone_when_it_is_full_is_made_anew() {
    for backups in [0, 2] {
        let dir = folder();
        let path = dir.path().join("log");
        let mut log = LogFile::open(&path, 10, backups).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(log.write(b"0123456789"), None);
        log.write(b"new");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
}

#[test]
fn a_rotation_that_fails_hides_no_other_news() {
    let dir = folder();
    let path = dir.path().join("log");
    // In the way of the backup.
    fs::create_dir(dir.path().join("log.1")).unwrap();
    let mut log = LogFile::open(&path, 5, 1).unwrap();
    log.lost.add(7);
    let news = log.write(b"0123456789").unwrap();
    assert!(news.contains("is written again; 7 bytes were lost; could not rotate"), "{news}");
}

/// A moment of local time.
fn moment(day: u32, hour: u32, minute: u32) -> SystemTime {
    chrono::TimeZone::with_ymd_and_hms(&chrono::Local, 2026, 11, day, hour, minute, 0).unwrap().into()
}

fn of_period(path: &Path, period: Period, backups: u32) -> LogFile {
    let mut log = LogFile::closed(path, Rotation { maxbytes: 0, backups, period: Some(period) });
    log.open_late().unwrap();
    log
}

#[test]
fn a_period_begins_anew_with_its_first_output() {
    for (period, last, first) in
        [(Period::Day, moment(20, 23, 59), moment(21, 0, 0)), (Period::Hour, moment(20, 11, 59), moment(20, 12, 0))]
    {
        let dir = folder();
        let path = dir.path().join("log");
        let mut log = of_period(&path, period, 2);
        log.write_at(b"one", Some(last));
        log.write_at(b"two", Some(last));
        assert_eq!(names(dir.path()), ["log"], "a period that only ends does nothing");
        log.write_at(b"three", Some(first));
        log.write_at(b"four", Some(first));
        assert_eq!(names(dir.path()), ["log", "log.1"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "threefour");
        assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "onetwo");
        // Of periods without output there are no files.
        log.write_at(b"five", Some(first + 5 * Duration::from_hours(24)));
        assert_eq!(names(dir.path()), ["log", "log.1", "log.2"]);
        assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "threefour");
    }
}

#[test]
fn a_file_from_before_is_of_the_period_in_which_it_was_written() {
    let dir = folder();
    let path = dir.path().join("log");
    fs::write(&path, "old").unwrap();
    let written = |at| File::options().append(true).open(&path).unwrap().set_modified(at).unwrap();
    written(moment(20, 23, 59));
    of_period(&path, Period::Day, 1).write_at(b"new", Some(moment(21, 0, 1)));
    assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "old");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    written(moment(21, 0, 1));
    of_period(&path, Period::Day, 1).write_at(b"er", Some(moment(21, 23, 59)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "newer");
    // One that is empty is of no period.
    fs::write(&path, "").unwrap();
    written(moment(1, 0, 0));
    of_period(&path, Period::Day, 1).write_at(b"newest", Some(moment(22, 0, 0)));
    assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "old");
}

#[test]
fn a_clock_that_is_set_back_rotates_nothing_and_a_full_file_all_the_same() {
    let dir = folder();
    let path = dir.path().join("log");
    let mut log = of_period(&path, Period::Day, 3);
    log.write_at(b"ahead", Some(moment(25, 0, 0)));
    for text in ["right", "again"] {
        log.write_at(text.as_bytes(), Some(moment(20, 0, 0)));
    }
    assert_eq!(names(dir.path()), ["log"]);
    log.write_at(b"next", Some(moment(21, 0, 0)));
    assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "aheadrightagain");
    log.set_rotation(Rotation { maxbytes: 5, backups: 3, period: Some(Period::Day) });
    log.write_at(b"full", Some(moment(21, 0, 0)));
    assert_eq!(fs::read_to_string(dir.path().join("log.1")).unwrap(), "nextfull");
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn a_rotation_is_made_on_request() {
    let dir = folder();
    let path = dir.path().join("log");
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let mut log = LogFile::open(&path, 0, 2).unwrap();
    log.write(b"one");
    log.rotate_now().unwrap();
    log.rotate_now().unwrap();
    assert_eq!(names(dir.path()), ["log", "log.1"], "an empty one stays as it is");
    log.write(b"two");
    // By another that has not opened it, as for a program that does not run.
    let rotation = Rotation { maxbytes: 0, backups: 2, period: None };
    LogFile::closed(&path, rotation).rotate_now().unwrap();
    assert_eq!([read("log"), read("log.1"), read("log.2")], ["", "two", "one"]);
    LogFile::closed(&dir.path().join("other"), rotation).rotate_now().unwrap();
    assert_eq!(names(dir.path()), ["log", "log.1", "log.2"], "none is made");
    LogFile::open(Path::new("/dev/null"), 0, 2).unwrap().rotate_now().unwrap();
    fs::write(dir.path().join("kept"), "kept").unwrap();
    let keeps_none = LogFile::closed(&dir.path().join("kept"), Rotation::default()).rotate_now().unwrap_err();
    assert_eq!((keeps_none.to_string().contains("backups are 0"), read("kept").as_str()), (true, "kept"));
    fs::remove_file(dir.path().join("kept")).unwrap();
    let not_there = dir.path().join("log/below");
    assert!(LogFile::closed(&not_there, rotation).rotate_now().is_err());
}

#[test]
fn the_end_of_a_line_is_known() {
    let dir = folder();
    let mut log = LogFile::open(&dir.path().join("log"), 0, 0).unwrap();
    assert!(!log.ends_within_line());
    for (text, is_within) in [("a", true), ("", true), ("b\n", false), ("c\nd", true)] {
        log.write(text.as_bytes());
        assert_eq!(log.ends_within_line(), is_within, "{text:?}");
    }
    log.clear().unwrap();
    assert!(!log.ends_within_line());
    for (text, is_within) in [("", false), ("whole\n", false), ("torn", true)] {
        let path = dir.path().join("old");
        fs::write(&path, text).unwrap();
        assert_eq!(LogFile::open(&path, 0, 0).unwrap().ends_within_line(), is_within, "{text:?}");
    }
    assert!(!LogFile::open(Path::new("/dev/null"), 0, 0).unwrap().ends_within_line());
}
