//! The check: the executable that is to come is run apart and says whether it could go on.

use std::{
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{state::State, state_file};
use crate::{
    config::{Config, Library, Overrides, ServerAddress},
    daemon::Restart,
    linux::descriptors,
    plugin::{self, SearchPath},
    rpc::{self, HandedOver, UpgradePlan},
    server_options, version,
};

/// Time that it has to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of its answer that are looked at.
const MAX_ANSWER: u64 = 1 << 20;

/// Answer of a successor that was asked whether it could go on.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Answer {
    version: String,
    plugins: Vec<String>,
    /// Addresses of servers that it would open, and of those that it would close.
    opens: Vec<String>,
    closes: Vec<String>,
    /// Everything that keeps it from going on.
    problems: Vec<String>,
}

/// Run the executable apart, and ask it whether it could go on from that state. The error is for people.
pub(super) fn check(restart: &Restart, state: OwnedFd) -> Result<UpgradePlan, String> {
    let executable = restart.executable().display().to_string();
    let mut command = restart.command(server_options::CHECK_SUCCESSOR);
    command.stdin(Stdio::from(state)).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run {executable}: {error}"))?;
    let answer = wait(&mut child, Instant::now() + TIMEOUT);
    // It has answered, or it does not: either way it is done. The first process of a container may have reaped it, and
    // then its pid is another's.
    if let Ok(None) = child.try_wait() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let (stdout, stderr) = answer.map_err(|why| format!("{executable} {why}"))?;
    let Ok(answer) = serde_json::from_slice::<Answer>(&stdout) else {
        let said = String::from_utf8_lossy(&stderr);
        let said = said.trim();
        let said = if said.is_empty() { "nothing" } else { said };
        return Err(format!("{executable} is no supervisord that can go on; it says: {said}"));
    };
    if !answer.problems.is_empty() {
        return Err(answer.problems.join("; "));
    }
    let Answer { version, plugins, opens, closes, .. } = answer;
    Ok(UpgradePlan { version, executable, plugins, opens, closes, processes: 0, alive: 0 })
}

/// Read what it writes, to the end.
fn wait(child: &mut Child, until: Instant) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn io::Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn io::Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn io::Read + Send>),
    ];
    for (index, stream) in streams.into_iter().enumerate() {
        let (sender, Some(stream)) = (sender.clone(), stream) else { continue };
        let read = move || {
            let mut bytes = Vec::new();
            let _ = stream.take(MAX_ANSWER).read_to_end(&mut bytes);
            let _ = sender.send((index, bytes));
        };
        // It ends with the child, or soon after: a grandchild may hold the pipe.
        let made = thread::Builder::new().name("upgrade".to_owned()).spawn(read);
        made.map_err(|error| format!("cannot be listened to: {error}"))?;
    }
    drop(sender);
    let mut read = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        let left = until.saturating_duration_since(Instant::now());
        let (index, bytes) =
            receiver.recv_timeout(left).map_err(|_| format!("does not answer within {} seconds", TIMEOUT.as_secs()))?;
        if let Some(place) = read.get_mut(index) {
            *place = bytes;
        }
    }
    let [stdout, stderr] = read;
    Ok((stdout, stderr))
}

/// Answer whether this executable could go on from the state that is on stdin, with this command line.
pub fn check_successor(configuration: Option<PathBuf>, overrides: &Overrides) {
    let mut answer = Answer { version: version::OWN.to_owned(), ..Answer::default() };
    let stdin = descriptors::reopen_stdin().map_err(|error| format!("cannot read the state: {error}"));
    let state = stdin.and_then(|file| state_file::read::<HandedOver>(&file));
    match server_options::load(configuration, overrides) {
        Ok(config) => {
            look_at_plugins(&config, &mut answer);
            if let Ok((state, _)) = &state {
                compare_servers(&config, state, &mut answer);
            }
        }
        Err(error) => answer.problems.push(error),
    }
    answer.problems.extend(state.err());
    // Who asked has gone, or reads it.
    let _ = serde_json::to_writer(io::stdout(), &answer);
    let _ = io::stdout().flush();
}

/// Load the plugins, and look up their factories. None is called, for nobody knows what a constructor does.
fn look_at_plugins(config: &Config, answer: &mut Answer) {
    let search = SearchPath::new(&config.supervisord.plugin_path);
    let mut event_types = Vec::new();
    for section in &config.rpcinterfaces {
        match rpc::look_up(section, &search) {
            Ok(types) => event_types.extend(types),
            Err(error) => answer.problems.push(error.to_string()),
        }
        if section.factory.library != Library::BuiltIn
            && let Ok(factory) = plugin::load(&section.factory, "rpcinterface", &search)
        {
            let library = factory.library();
            answer.plugins.push(format!("{} {} for {}", library.name, library.version, section.place));
        }
    }
    for (name, pool) in config.pools() {
        if answer.problems.is_empty() {
            answer.problems.extend(pool.check_types(name, &event_types).err().map(|error| error.to_string()));
        }
        if pool.result_handler.library != Library::BuiltIn {
            let found = plugin::load(&pool.result_handler, "result_handler", &search);
            answer.problems.extend(found.err().map(|error| pool.no_handler(name, error).to_string()));
        }
    }
}

/// Find out which sockets are new, and which are not wanted any more.
fn compare_servers(config: &Config, state: &State, answer: &mut Answer) {
    let name = |address: &ServerAddress| match address {
        ServerAddress::Inet { host, port, .. } => format!("{host}:{port}"),
        ServerAddress::Unix { file, .. } => file.display().to_string(),
    };
    let now: Vec<_> = config.servers.iter().map(|server| name(&server.address)).collect();
    let then: Vec<_> = state.servers.iter().map(|server| name(&server.address)).collect();
    answer.opens = now.iter().filter(|address| !then.contains(address)).cloned().collect();
    answer.closes = then.into_iter().filter(|address| !now.contains(address)).collect();
}
