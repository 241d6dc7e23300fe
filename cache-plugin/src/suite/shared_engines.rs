//! The engines that the suite runs on.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::sleep,
    time::Duration,
};

use super::engines::{self, Engine};
use crate::store::{Address, Settings};

/// The engines of this test process, which end with it.
pub(super) fn all() -> &'static [(&'static str, Engine)] {
    static ALL: OnceLock<Vec<(&str, Engine)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let start = |(name, program): (_, std::path::PathBuf)| {
            (name, Engine::start(&program, &["--notify-keyspace-events", "KEA"]))
        };
        engines::programs().into_iter().map(start).collect()
    })
}

/// A prefix that no other cache has, of characters that mean something in a pattern.
pub(super) fn next_prefix() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("*[t-{}]:", NEXT.fetch_add(1, Relaxed))
}

/// Settings with a timeout that is long enough for a machine that does much else.
pub(super) fn settings(url: &str, prefix: &str) -> Settings {
    let timeout = Duration::from_secs(20);
    Settings { address: Address::parse(url).unwrap(), ca: None, prefix: prefix.to_owned(), timeout }
}

/// Let time go by: entries that expire have so much less left.
pub(super) fn pass(settings: &Settings, time: Duration) {
    const SOONER: &str = "\
        for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
            local left = redis.call('PTTL', key)
            if left >= 0 then redis.call('PEXPIRE', key, math.max(1, left - ARGV[2])) end
        end";
    let url = settings.address.to_string();
    let engine = all().iter().map(|(_, engine)| engine).find(|engine| url.contains(&engine.place())).expect("it runs");
    let pattern = settings.prefix.replace('*', "\\*").replace('[', "\\[") + "*";
    engine.ask(&["EVAL", SOONER, "0", &pattern, &time.as_millis().to_string()]);
    // Until the last millisecond is over.
    sleep(Duration::from_millis(2));
}
