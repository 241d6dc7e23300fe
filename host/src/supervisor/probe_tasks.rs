//! Thread on which programs are asked whether they are ready or well, and on which what they say of that is read.
//!
//! It is made with the first program that has one of these options. Each program has a task of its own, and one attempt
//! at a time, which has a deadline; what is found goes to the main thread as a request. Attempts that hang, and those
//! at programs that have let the last one hang, are counted apart from all others, so that these do not wait for them.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd},
    pin::pin,
    sync::Arc,
    thread,
    time::Duration,
};

use nix::sys::signal::SigSet;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    io::{AsyncReadExt as _, Interest},
    net::{UnixDatagram, unix::pipe},
    runtime::{Builder, Handle},
    sync::{Semaphore, oneshot},
    task::yield_now,
    time::{sleep, timeout},
};

use super::{
    probe::{ProbeSpawn, ProbeTask},
    requests::{Request, Requests},
    status::ProcessId,
};
use crate::{
    blocking::spawn_blocking,
    config::{Probe, Ready},
    logger::Logger,
    process::{
        exits::Exit,
        launch::Launch,
        notice::{Notice, printable},
        probe::{self, Unmet},
        ready_channel,
        state::Input,
    },
};

/// Time until the second attempt to find a program ready; each further one comes after twice the time, up to the last.
const FIRST_INTERVAL: Duration = Duration::from_millis(50);
/// Longest time between two attempts to find a program ready.
const READY_INTERVAL: Duration = Duration::from_secs(1);
/// Attempts at one time: so many descriptors and children they may take.
const MAX_ATTEMPTS: usize = 128;
/// Attempts at one time that hang, or are made at programs that have let the last one hang.
const MAX_HANGING: usize = 64;
/// Time after which an attempt is one that hangs.
const PROMPT: Duration = Duration::from_millis(250);
/// Number of times that the wait doubles after which a program that lets attempts hang is among the others again.
const MAX_DOUBLINGS: u32 = 7;
/// Threads that look up names of hosts, and commands.
const MAX_LOOKUPS: usize = 16;
/// Time for which such a thread stays without work.
const IDLE_TIMEOUT: Duration = Duration::from_secs(1);
/// Notices of one program that are read at once.
const NOTICES_PER_TURN: usize = 16;
/// Least time between two such turns: a program that says much is not to keep the main thread busy.
const NOTICES_INTERVAL: Duration = Duration::from_millis(10);
/// Time in which the thread comes to a halt for an upgrade.
const PAUSE_TIMEOUT: Duration = Duration::from_millis(200);

/// Run of a process that is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) id: ProcessId,
    pub(super) run: u64,
    pub(super) pid: i32,
}

/// Tasks that watch programs, and the thread that runs them.
pub(super) struct ProbeTasks {
    shared: Arc<Shared>,
    /// Runtime of the thread, once there is one, and what ends it when it is dropped.
    runtime: Mutex<Option<(Handle, oneshot::Sender<()>)>>,
}

struct Shared {
    requests: Arc<Requests>,
    logger: Logger,
    attempts: Semaphore,
    hanging: Semaphore,
    /// Locked while something is taken from a program that cannot be read again, until it is a request.
    reading: Mutex<()>,
}

impl ProbeTasks {
    pub(super) fn new(requests: Arc<Requests>, logger: Logger) -> Self {
        let (attempts, hanging) = (Semaphore::new(MAX_ATTEMPTS), Semaphore::new(MAX_HANGING));
        let shared = Shared { requests, logger, attempts, hanging, reading: Mutex::new(()) };
        Self { shared: Arc::new(shared), runtime: Mutex::new(None) }
    }

    /// Read what a program says by its socket or its pipe.
    pub(super) fn listen(&self, target: Target, name: &str, ready: &Ready, fd: BorrowedFd<'_>) -> Option<ProbeTask> {
        let (shared, name, ready) = (Arc::clone(&self.shared), name.to_owned(), ready.clone());
        let copied = fd.try_clone_to_owned();
        self.start(async move {
            let read = async {
                match ready {
                    Ready::Notify => shared.read_notices(target, &name, copied?).await,
                    Ready::Fd(number) => shared.read_line_feed(target, &name, number, copied?).await,
                    Ready::Probe(_) => Ok(()),
                }
            };
            if let Err(error) = read.await {
                let why = format!("what it says cannot be read: {error}");
                shared.logger.critical(format_args!("cannot know whether '{name}' is ready: {why}"));
                shared.observed(target, Input::NotReady(why));
            }
        })
    }

    /// Ask a program again and again until it is ready. Each attempt may take so long.
    pub(super) fn until_ready(
        &self,
        target: Target,
        probe: &Probe,
        launch: &Launch,
        longest: Duration,
    ) -> Option<ProbeTask> {
        let (shared, probe) = (Arc::clone(&self.shared), Attempts::new(probe, launch, longest));
        self.start(async move {
            let (mut probe, mut interval, mut told) = (probe, FIRST_INTERVAL, None);
            loop {
                match shared.attempt(&mut probe).await {
                    Ok(()) => return shared.observed(target, Input::Ready),
                    Err(Unmet::Failed(why)) if told.as_ref() != Some(&why) => {
                        told = Some(why.clone());
                        shared.observed(target, Input::NotReady(why));
                    }
                    Err(_) => {}
                }
                sleep(interval).await;
                interval = (2 * interval).min(READY_INTERVAL);
            }
        })
    }

    /// Ask a program for ever whether it is well. The times are those between two attempts and for one of them.
    pub(super) fn health(
        &self,
        target: Target,
        probe: &Probe,
        launch: &Launch,
        (interval, longest): (Duration, Duration),
    ) -> Option<ProbeTask> {
        let (shared, probe) = (Arc::clone(&self.shared), Attempts::new(probe, launch, longest));
        self.start(async move {
            let (mut probe, mut was_well) = (probe, false);
            loop {
                sleep(interval).await;
                let result = match shared.attempt(&mut probe).await {
                    Ok(()) => Ok(()),
                    Err(Unmet::Failed(why)) => Err(why),
                    // That says nothing.
                    Err(Unmet::Hindered(_)) => continue,
                };
                // Who is well, and was, is no news.
                if !(result.is_ok() && was_well) {
                    was_well = result.is_ok();
                    shared.observed(target, Input::Probed(result));
                }
            }
        })
    }

    /// Hold up the reading of what programs say: it stays where the next supervisord finds it. An error says that the
    /// thread does not come to a halt.
    pub(super) fn pause(&self) -> Result<MutexGuard<'_, ()>, String> {
        let paused = self.shared.reading.try_lock_for(PAUSE_TIMEOUT);
        paused.ok_or_else(|| "what a program says of its readiness is just being read".to_owned())
    }

    fn start(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<ProbeTask> {
        let mut runtime = self.runtime.lock();
        if runtime.is_none() {
            let made = Self::make_thread();
            *runtime = made
                .inspect_err(|error| {
                    self.shared.logger.critical(format_args!("no thread could be had for probes: {error}"));
                })
                .ok();
        }
        let (handle, _) = runtime.as_ref()?;
        Some(ProbeTask::new(handle.spawn(task).abort_handle()))
    }

    fn make_thread() -> io::Result<(Handle, oneshot::Sender<()>)> {
        let mut builder = Builder::new_current_thread();
        let runtime = builder
            .enable_all()
            .max_blocking_threads(MAX_LOOKUPS)
            .thread_keep_alive(IDLE_TIMEOUT)
            .thread_name("probes")
            .build()?;
        let (handle, (end, ended)) = (runtime.handle().clone(), oneshot::channel());
        thread::Builder::new().name("probes".to_owned()).spawn(move || {
            // Signals are the main thread's business, also on the threads that this one makes.
            let _ = SigSet::all().thread_block();
            let _ = runtime.block_on(ended);
            // A lookup may hang.
            runtime.shutdown_background();
        })?;
        Ok((handle, end))
    }
}

/// Attempts at one program.
struct Attempts {
    probe: Probe,
    launch: Option<Arc<Launch>>,
    longest: Duration,
    /// Number of the last ones in a row that have hung.
    hung_in_a_row: u32,
}

impl Attempts {
    fn new(probe: &Probe, launch: &Launch, longest: Duration) -> Self {
        let launch = match probe {
            Probe::Exec(command) => Some(Arc::new(launch.of_probe(command))),
            Probe::Tcp(_) | Probe::Http(_) => None,
        };
        Self { probe: probe.clone(), launch, longest, hung_in_a_row: 0 }
    }
}

impl Shared {
    fn observed(&self, target: Target, input: Input) {
        let Target { id, run, .. } = target;
        self.requests.push(Request::Observed { id, run, input });
    }

    async fn attempt(&self, attempts: &mut Attempts) -> Result<(), Unmet> {
        // One that has hung for once, since much is going on, is soon among the others again.
        let wait = PROMPT * (1 << attempts.hung_in_a_row.min(MAX_DOUBLINGS));
        let among_hanging = match attempts.hung_in_a_row {
            0 => None,
            _ => timeout(wait, self.hanging.acquire()).await.ok(),
        };
        let may_hang = among_hanging.is_some();
        let permit = match among_hanging {
            Some(permit) => permit,
            None => self.attempts.acquire().await,
        };
        let Ok(mut permit) = permit else { return Err(Unmet::Hindered("supervisord is ending".to_owned())) };
        let mut attempt = pin!(timeout(attempts.longest, async {
            match (&attempts.probe, &attempts.launch) {
                (Probe::Tcp(port), _) => probe::tcp(*port).await,
                (Probe::Http(url), _) => probe::http(url).await,
                (Probe::Exec(_), Some(launch)) => self.execute(launch).await,
                (Probe::Exec(_), None) => Err(Unmet::Hindered("there is no command".to_owned())),
            }
        }));
        let result = match timeout(PROMPT, attempt.as_mut()).await {
            Ok(result) => result,
            Err(_) if may_hang => attempt.await,
            // Others are not to wait for this one.
            Err(_) => {
                let Ok(among_hanging) = self.hanging.try_acquire() else {
                    attempts.hung_in_a_row = attempts.hung_in_a_row.saturating_add(1);
                    return Err(Unmet::Hindered("too many others hang".to_owned()));
                };
                permit = among_hanging;
                attempt.await
            }
        };
        drop(permit);
        attempts.hung_in_a_row = if result.is_ok() { 0 } else { attempts.hung_in_a_row.saturating_add(1) };
        let seconds = attempts.longest.as_secs_f64();
        result.unwrap_or_else(|_| Err(Unmet::Failed(format!("no answer within {seconds} seconds"))))
    }

    async fn execute(&self, launch: &Arc<Launch>) -> Result<(), Unmet> {
        let of_lookup = Arc::clone(launch);
        // A file system may hang.
        let found = spawn_blocking(&Handle::current(), move || of_lookup.command())?.await;
        let found = found.map_err(|error| Unmet::Hindered(error.to_string()))?;
        let command = found.map_err(|error| Unmet::Failed(error.to_string()))?;
        let (started, child) = oneshot::channel();
        self.requests.push(Request::SpawnProbe(ProbeSpawn { launch: Arc::clone(launch), command, started }));
        let ended = || Unmet::Hindered("supervisord is ending".to_owned());
        let mut child = child.await.map_err(|_| ended())?.map_err(|error| {
            if error.lack.is_some() { Unmet::Hindered(error.text) } else { Unmet::Failed(error.text) }
        })?;
        let Some(output) = child.take_output() else { return Err(ended()) };
        let mut output = pipe::Receiver::from_owned_fd(output)?;
        let (mut said, mut part, mut is_open) = (Vec::new(), [0; 1024], true);
        let exit = loop {
            tokio::select! {
                biased;
                exit = child.exit() => break exit.ok_or_else(ended)?,
                // It is to find somebody who reads, whatever it writes.
                read = output.read(&mut part), if is_open => match read {
                    Ok(length @ 1..) => keep_end(&mut said, &part[..length]),
                    _ => is_open = false,
                },
            }
        };
        read_left(output, &mut said);
        if exit == Exit::Code(0) {
            return Ok(());
        }
        let last = said.split(|byte| *byte == b'\n').map(printable).rfind(|line| !line.is_empty());
        Err(Unmet::Failed(last.map_or_else(|| exit.to_string(), |last| format!("{exit}: {last}"))))
    }

    async fn read_notices(&self, target: Target, name: &str, fd: OwnedFd) -> io::Result<()> {
        let socket = UnixDatagram::from_std(fd.into())?;
        let mut warned = false;
        loop {
            socket.readable().await?;
            {
                let _reading = self.reading.lock();
                let (mut all, mut has_come) = (Notice::default(), false);
                for _ in 0..NOTICES_PER_TURN {
                    let receive = || ready_channel::receive(socket.as_fd(), target.pid);
                    match socket.try_io(Interest::READABLE, receive) {
                        Ok(Some(notice)) => {
                            has_come = true;
                            all = all.followed_by(notice);
                        }
                        Ok(None) if !warned => {
                            warned = true;
                            self.logger.warn(format_args!(
                                "ignored a notice for '{name}' of a process that is none of its own, or was gone"
                            ));
                        }
                        Ok(None) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
                if has_come {
                    self.observed(target, Input::Notified(all));
                }
            }
            sleep(NOTICES_INTERVAL).await;
        }
    }

    async fn read_line_feed(&self, target: Target, name: &str, number: RawFd, fd: OwnedFd) -> io::Result<()> {
        let pipe = pipe::Receiver::from_owned_fd(fd)?;
        loop {
            pipe.readable().await?;
            {
                let _reading = self.reading.lock();
                let mut bytes = [0; 1024];
                match pipe.try_read(&mut bytes) {
                    Ok(0) => {
                        let why = format!("it has closed descriptor {number} without a line feed");
                        self.logger.warn(format_args!("'{name}' cannot become ready: {why}"));
                        self.observed(target, Input::NotReady(why));
                        return Ok(());
                    }
                    Ok(length) if bytes[..length].contains(&b'\n') => {
                        self.observed(target, Input::Ready);
                        return Ok(());
                    }
                    Ok(_) => {}
                    Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                    Err(error) => return Err(error),
                }
            }
            yield_now().await;
        }
    }
}

/// Keep the end of what a command has written.
fn keep_end(said: &mut Vec<u8>, part: &[u8]) {
    const KEPT: usize = 1024;
    said.extend_from_slice(part);
    said.drain(..said.len().saturating_sub(KEPT));
}

/// Read what a command that has ended has left in its pipe, up to what one holds: others may go on writing to it.
fn read_left(output: pipe::Receiver, said: &mut Vec<u8>) {
    // Not through the runtime, which may have heard of the end before it looks at the pipe.
    let Ok(output) = output.into_nonblocking_fd() else { return };
    let (mut output, mut part) = (File::from(output), [0; 1024]);
    for _ in 0..64 {
        match output.read(&mut part) {
            Ok(length @ 1..) => keep_end(said, &part[..length]),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn last_words_are_read_before_the_runtime_has_looked_at_the_pipe() {
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        let said = runtime.block_on(async {
            let output = pipe::Receiver::from_owned_fd(reader.into()).unwrap();
            writer.write_all(&[b'x'; 3000]).unwrap();
            writer.write_all(b"\nlooking\n").unwrap();
            let mut said = Vec::new();
            read_left(output, &mut said);
            said
        });
        assert!(said.ends_with(b"x\nlooking\n"), "{}", said.escape_ascii());
    }
}
