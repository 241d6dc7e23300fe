//! Upgrades in place, many in a row under load: what is lost, what is left over, and for how long nobody answers.
//!
//! `UPGRADES=1000` in the environment makes it so many in place of 200.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    address,
    common::{Config, Kind, Peers, Sandbox, Supervisord, http, wait_until},
    load::{self, Connection},
    table::{Limit, Row, median},
};

/// Upgrades in a row.
const IN_A_ROW: usize = 200;
/// Upgrades after which memory and descriptors are what they will be.
const FIRST: usize = 10;
/// Keys in the cache meanwhile.
const KEYS: usize = 1_000;
/// Upgrades with other programs, and with a full cache.
const FEW: usize = 20;
/// Entries of the full cache, and the bytes of each.
const ENTRIES: usize = 100_000;
const ENTRY: usize = 1_000;
/// Time of the clock after which a program may be started again at once.
const UP: Duration = Duration::from_millis(1_100);

/// Event listener that writes down the last word of each payload.
const LISTENER: &str = r"
import sys
notes = open(sys.argv[1], 'a')
while True:
    sys.stdout.write('READY\n')
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        break
    headers = dict(pair.split(':', 1) for pair in line.split())
    notes.write(sys.stdin.read(int(headers['len'])).split('\n')[-1] + '\n')
    notes.flush()
    sys.stdout.write('RESULT 2\nOK')
    sys.stdout.flush()
";

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    let mut rows = in_a_row();
    rows.push(gaps_with(1_000));
    rows.push(restart());
    rows.push(full_cache());
    rows
}

/// Programs that need nothing but to be there.
fn sleeping(count: usize) -> Config {
    let lines = format!(
        "command=/bin/sleep 100000\nnumprocs={count}\nprocess_name=p%(process_num)04d\nstartsecs=0\n\
         stdout_logfile=NONE\nstderr_logfile=NONE"
    );
    Config::new().section("program:many", &lines).section("supervisord", &format!("minfds={}", 150 + 3 * count))
}

/// Many upgrades while everything goes on.
fn in_a_row() -> Vec<Row> {
    let upgrades = env::var("UPGRADES").ok().and_then(|text| text.parse().ok()).unwrap_or(IN_A_ROW);
    eprintln!("{upgrades} upgrades in a row, under load …");
    let sandbox = Sandbox::new();
    sandbox.write("listener.py", LISTENER);
    let python = Peers::get().program("python");
    let config = sleeping(200)
        .program(
            "lines",
            "command=/bin/sh -c 'i=0; while [ ! -e {here}/end ]; do i=$((i+1)); echo $i; done'\nstartsecs=0\n\
             autorestart=false\nstdout_logfile_maxbytes=0",
        )
        .section(
            "eventlistener:busy",
            &format!(
                "command={} {{here}}/listener.py {{here}}/notes\nevents=REMOTE_COMMUNICATION\nbuffer_size=1000000\n\
                 startsecs=0\nstderr_logfile=NONE",
                python.display()
            ),
        );
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    wait_until("all run", || running(&supervisord) == 202);
    let mut connection = Connection::open(address(&supervisord));
    for number in 0..KEYS {
        connection.call(&load::request(&http::call("cache.store", &[&format!("key {number}"), &number.to_string()])));
    }
    drop(connection);
    let before = pids(&supervisord);

    let load = Load::default();
    let (mut gaps, mut memory, mut open) = (Vec::new(), 0, 0);
    thread::scope(|scope| {
        let _end = load.end_when_dropped();
        for _ in 0..2 {
            scope.spawn(|| load.fetch(supervisord.port));
        }
        scope.spawn(|| load.send_events(supervisord.port));
        for number in 0..FIRST + upgrades {
            if number == FIRST {
                (memory, open) = (supervisord.resident(), descriptors(&supervisord));
            }
            gaps.push(load.gap_of_upgrade(&supervisord));
        }
    });
    wait_until("no descriptor of a client is open", || descriptors(&supervisord) <= open);
    let more_open = descriptors(&supervisord).saturating_sub(open);
    let more_memory = supervisord.resident().saturating_sub(memory);
    let wrong_processes = before.iter().zip(&pids(&supervisord)).filter(|(then, now)| then != now).count();
    let wrong_values = (0..KEYS)
        .filter(|number| {
            let answer = supervisord.call("cache.fetch", &[&format!("key {number}")]);
            !answer.contains(&format!("<string>{number}</string>"))
        })
        .count();
    supervisord.sandbox.write("end", "");
    wait_until("the writer has ended", || supervisord.statename("lines") == "EXITED");
    wait_until("its end is logged", || supervisord.log().contains("exited: lines"));
    let (lines, wrong_lines) = out_of_order(&supervisord.sandbox.join("lines.out"), 1);
    let sent = load.sent.load(Relaxed);
    let notes = supervisord.sandbox.join("notes");
    wait_until("the last event is noted", || {
        fs::read_to_string(&notes).is_ok_and(|text| text.lines().last() == Some(&(sent - 1).to_string()))
    });
    let (events, wrong_events) = out_of_order(&notes, 0);
    let none = Limit::Below(1.0);
    vec![
        Row::new("upgrade in place under load, ms in which nobody answers")
            .other("upgrades", float(gaps.len()))
            .other("median", median(&gaps))
            .own("at worst", worst(&gaps), Limit::Below(50.0)),
        Row::new("… and what is lost of it all")
            .other("lines", float(lines))
            .other("events", float(events))
            .other("calls", float(usize::try_from(load.answered.load(Relaxed)).unwrap_or(usize::MAX)))
            .own("other pids", float(wrong_processes), none)
            .own("wrong lines", float(wrong_lines), none)
            .own("wrong events", float(wrong_events), none)
            .own("calls unanswered", float(usize::try_from(load.unanswered.load(Relaxed)).unwrap_or(usize::MAX)), none)
            .own("lost values", float(wrong_values), none)
            .own("descriptors more", float(more_open), none)
            .own(
                "MB more",
                float(usize::try_from(more_memory >> 10).unwrap_or(usize::MAX)) / 1024.0,
                Limit::Below(2.0),
            ),
    ]
}

/// Time in which nobody answers where so many programs run.
fn gaps_with(programs: usize) -> Row {
    eprintln!("upgrades with {programs} programs …");
    let supervisord = Supervisord::start(&sleeping(programs));
    wait_until("all run", || running(&supervisord) == programs);
    let before = pids(&supervisord);
    let gaps = gaps(&supervisord, FEW);
    assert_eq!(pids(&supervisord), before, "all go on");
    Row::new("upgrade in place with 1,000 programs, ms in which nobody answers").other("median", median(&gaps)).own(
        "at worst",
        worst(&gaps),
        Limit::Below(150.0),
    )
}

/// Time in which nobody answers where the cache is full.
fn full_cache() -> Row {
    eprintln!("upgrades with {} MB in the cache …", ENTRIES * ENTRY / 1_000_000);
    let supervisord = Supervisord::start(&sleeping(10));
    let mut connection = Connection::open(address(&supervisord));
    let value = "x".repeat(ENTRY);
    for number in 0..ENTRIES {
        let request = load::request(&http::call("cache.store", &[&format!("key {number}"), &value]));
        assert!(connection.call(&request).contains("<boolean>1</boolean>"));
    }
    drop(connection);
    let gaps = gaps(&supervisord, FEW / 4);
    let count = supervisord.call("cache.getCount", &[]);
    assert!(count.contains(&format!("<int>{ENTRIES}</int>")), "{count}");
    Row::new("upgrade in place with 100 MB and 100,000 keys in the cache, ms in which nobody answers")
        .other("median", median(&gaps))
        .own("at worst", worst(&gaps), Limit::Below(1_000.0))
}

/// Time from the death of a program in the middle of an upgrade to its next start.
fn restart() -> Row {
    eprintln!("deaths in the middle of upgrades …");
    let config = sleeping(200).program(
        "dies",
        "command=/bin/sh -c 'date +%%s%%N >>{here}/starts; exec sleep 100000'\nstartsecs=0\nautorestart=true",
    );
    let supervisord = Supervisord::start(&config);
    wait_until("all run", || running(&supervisord) == 201);
    let starts = || supervisord.sandbox.read("starts");
    let times: Vec<_> = (0..FEW)
        .map(|number| {
            thread::sleep(UP);
            let (pid, count) = (supervisord.pid_of("dies"), starts().lines().count());
            let upgrades = upgrades(&supervisord);
            let answer = supervisord.call("upgrade.start", &[]);
            assert!(answer.contains("<name>version</name>"), "{answer}");
            // At another moment each time, from the last answer of the one to the first of the other.
            thread::sleep(Duration::from_millis(number as u64 * 2));
            let death = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
            wait_until("it runs again", || starts().lines().count() > count && starts().ends_with('\n'));
            let nanos: u64 = starts().lines().last().and_then(|line| line.parse().ok()).expect("a time");
            wait_until("the upgrade is done", || upgrades_or_none(&supervisord) == Some(upgrades + 1));
            Duration::from_nanos(nanos).saturating_sub(death).as_secs_f64() * 1000.0
        })
        .collect();
    Row::new("restart of a program that dies in the middle of an upgrade, ms").other("median", median(&times)).own(
        "at worst",
        worst(&times),
        Limit::Below(100.0),
    )
}

/// Gaps of so many upgrades, in milliseconds.
fn gaps(supervisord: &Supervisord, count: usize) -> Vec<f64> {
    let load = Load::default();
    thread::scope(|scope| {
        let _end = load.end_when_dropped();
        scope.spawn(|| load.fetch(supervisord.port));
        (0..count).map(|_| load.gap_of_upgrade(supervisord)).collect()
    })
}

/// Clients, each of which has a connection for each call.
#[derive(Default)]
struct Load {
    ends: AtomicBool,
    answered: AtomicU64,
    unanswered: AtomicU64,
    /// Longest time between two answers to one client, in microseconds.
    gap: AtomicU64,
    /// Number of events that were sent.
    sent: AtomicU64,
}

impl Load {
    fn end_when_dropped(&self) -> impl Drop + use<'_> {
        struct End<'a>(&'a Load);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.ends.store(true, Relaxed);
            }
        }
        End(self)
    }

    fn call(&self, port: u16, body: &str) -> bool {
        let is_answered = try_call(port, body).is_ok_and(|answer| !answer.is_empty());
        let count = if is_answered { &self.answered } else { &self.unanswered };
        count.fetch_add(1, Relaxed);
        is_answered
    }

    fn fetch(&self, port: u16) {
        let body = http::call("cache.getCount", &[]);
        let mut last = Instant::now();
        while !self.ends.load(Relaxed) {
            if self.call(port, &body) {
                let gap = u64::try_from(last.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.gap.fetch_max(gap, Relaxed);
                last = Instant::now();
            }
        }
    }

    fn send_events(&self, port: u16) {
        while !self.ends.load(Relaxed) {
            let number = self.sent.load(Relaxed).to_string();
            if self.call(port, &http::call("supervisor.sendRemoteCommEvent", &["n", &number])) {
                self.sent.fetch_add(1, Relaxed);
            }
        }
    }

    /// Upgrades it, and gives the longest time without an answer meanwhile, in milliseconds.
    fn gap_of_upgrade(&self, supervisord: &Supervisord) -> f64 {
        let before = upgrades(supervisord);
        self.gap.store(0, Relaxed);
        let answer = supervisord.call("upgrade.start", &[]);
        assert!(answer.contains("<name>version</name>"), "{answer}\n{}", supervisord.log());
        wait_until("it is upgraded", || upgrades_or_none(supervisord) == Some(before + 1));
        // Until the others have their first answer as well.
        let answered = self.answered.load(Relaxed);
        wait_until("others are answered", || self.answered.load(Relaxed) > answered + 4);
        Duration::from_micros(self.gap.load(Relaxed)).as_secs_f64() * 1000.0
    }
}

/// One call over a connection of its own. An answer that is cut off is an error.
fn try_call(port: u16, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let head = "POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nConnection: close\r\n";
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200") && answer.trim_end().ends_with("</methodResponse>") {
        Ok(answer)
    } else {
        Err(io::Error::other(answer))
    }
}

/// Number of upgrades; none where nobody answers.
fn upgrades_or_none(supervisord: &Supervisord) -> Option<u64> {
    let answer = try_call(supervisord.port, &http::call("upgrade.getInfo", &[])).ok()?;
    let member = |name: &str, kind: &str| {
        let (_, rest) = answer.split_once(&format!("<name>{name}</name>"))?;
        Some(rest.split_once(&format!("<{kind}>"))?.1.split_once('<')?.0)
    };
    assert_eq!(member("failure", "string"), Some(""), "{}", supervisord.log());
    member("upgrades", "int")?.parse().ok()
}

fn upgrades(supervisord: &Supervisord) -> u64 {
    upgrades_or_none(supervisord).expect("an answer")
}

/// Pids of all processes, by their full names.
fn pids(supervisord: &Supervisord) -> BTreeMap<String, String> {
    let text = supervisord
        .python("for info in s.supervisor.getAllProcessInfo(): print(info['group'] + ':' + info['name'], info['pid'])");
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, pid)| (name.to_owned(), pid.to_owned())).collect()
}

fn running(supervisord: &Supervisord) -> usize {
    supervisord.call("supervisor.getAllProcessInfo", &[]).matches("<string>RUNNING</string>").count()
}

fn descriptors(supervisord: &Supervisord) -> usize {
    fs::read_dir(format!("/proc/{}/fd", supervisord.pid())).map_or(0, Iterator::count)
}

/// Count the lines of a file of numbers, and those that are not the number that is due.
fn out_of_order(path: &Path, first: u64) -> (usize, usize) {
    let lines = BufReader::new(fs::File::open(path).expect("a file")).lines();
    let (mut count, mut wrong, mut due) = (0, 0, first);
    for line in lines {
        let number = line.expect("text").parse().unwrap_or(u64::MAX);
        count += 1;
        wrong += usize::from(number != due);
        due = number.wrapping_add(1);
    }
    (count, wrong)
}

fn worst(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
