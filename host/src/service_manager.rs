//! News of supervisord for a service manager, systemd say, at the socket that `NOTIFY_SOCKET` names: that it is ready,
//! how many programs run, that it reloads or stops, and that its main thread turns.
//!
//! A thread of its own tells it, and is there only with that variable. A service manager that does not listen holds up
//! nobody else.

use std::{
    env, fmt, io,
    os::unix::{
        ffi::OsStrExt as _,
        net::{SocketAddr, UnixDatagram},
    },
    sync::mpsc as std_mpsc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::SigSet,
    time::{ClockId, clock_gettime},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    events::{Event, EventType},
    linux::unix_sockets,
    states::{ProcessState, SupervisorState},
    supervisor::Supervisor,
};

/// Time that one message may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Time that an upgrade and an end wait until it was told: no longer than the message itself may take.
const TELL_TIMEOUT: Duration = SEND_TIMEOUT;

/// Least time between two messages on how many programs run.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Longest time between two messages where a watchdog does not ask for more.
const IDLE: Duration = Duration::from_hours(1);

const STACK_SIZE: usize = 256 * 1024;

/// Way to the service manager; without one, what is told is dropped.
#[derive(Clone)]
pub struct ServiceManager(Option<mpsc::UnboundedSender<Message>>);

enum Message {
    Ready,
    /// Begin of a reload; and who waits until that was told.
    Reloading(std_mpsc::Sender<()>),
    /// End of this supervisord; and who waits until all that led to it was told.
    Finish(std_mpsc::Sender<()>),
}

impl fmt::Debug for ServiceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServiceManager").field(&self.0.is_some()).finish()
    }
}

impl ServiceManager {
    /// Begin to tell the service manager that the environment names, if it names one.
    pub fn of_environment(supervisor: &Supervisor) -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Self(None) };
        match Self::at(name.as_bytes(), watchdog(|name| env::var(name).ok(), supervisor.pid()), supervisor) {
            Ok(manager) => manager,
            Err(error) => {
                let name = name.display();
                supervisor.logger().warn(format_args!("cannot tell the service manager at {name} anything: {error}"));
                Self(None)
            }
        }
    }

    fn at(name: &[u8], watchdog: Option<Duration>, supervisor: &Supervisor) -> io::Result<Self> {
        let address = unix_sockets::address(name)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        let (sender, messages) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let teller = Teller { socket, address, supervisor: supervisor.clone() };
        thread::Builder::new().name("service-manager".to_owned()).stack_size(STACK_SIZE).spawn(move || {
            // Signals are the main thread's business.
            let _ = SigSet::all().thread_block();
            runtime.block_on(teller.run(messages, watchdog));
        })?;
        Ok(Self(Some(sender)))
    }

    /// Tell it that the servers answer, and that programs are supervised.
    pub fn ready(&self) {
        self.send(Message::Ready);
    }

    /// Tell it that another supervisord takes over in this process, which says that it is ready in its turn. Waits a
    /// moment until it was told.
    pub fn reloading(&self) {
        self.send_and_wait(Message::Reloading);
    }

    /// Wait a moment until it was told how this supervisord ends; after that it hears nothing more.
    pub fn finish(&self) {
        self.send_and_wait(Message::Finish);
    }

    fn send_and_wait(&self, message: impl FnOnce(std_mpsc::Sender<()>) -> Message) {
        let (told, is_told) = std_mpsc::channel();
        self.send(message(told));
        // Without a service manager the other end is gone at once.
        let _ = is_told.recv_timeout(TELL_TIMEOUT);
    }

    fn send(&self, message: Message) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(message);
        }
    }
}

/// Time within which the service manager wants to hear of this process, if it does.
fn watchdog(variable: impl Fn(&str) -> Option<String>, own_pid: u32) -> Option<Duration> {
    let microseconds = variable("WATCHDOG_USEC")?.parse().ok().filter(|time| *time > 0)?;
    let is_ours = variable("WATCHDOG_PID").is_none_or(|pid| pid.parse() == Ok(own_pid));
    is_ours.then(|| Duration::from_micros(microseconds))
}

struct Teller {
    socket: UnixDatagram,
    address: SocketAddr,
    supervisor: Supervisor,
}

impl Teller {
    /// Tell what there is to tell, until supervisord ends.
    async fn run(self, mut messages: mpsc::UnboundedReceiver<Message>, watchdog: Option<Duration>) {
        let types = ["PROCESS_STATE", "SUPERVISOR_STATE_CHANGE"];
        let changes = self.supervisor.bus().subscribe_to(types.into_iter().filter_map(EventType::built_in));
        // The half of it would do; a busy machine may be late.
        let interval = watchdog.map_or(IDLE, |time| time / 3);
        let (mut status_at, mut watchdog_at) = (None, Instant::now() + interval);
        let mut said = String::new();
        loop {
            tokio::select! {
                // Changes first: whoever waits is told after what came before.
                biased;
                change = changes.recv() => match change.as_deref() {
                    Some(Event::SupervisorStopping) => {
                        if self.supervisor.state() == SupervisorState::Restarting {
                            self.tell(&reloading());
                        } else {
                            self.tell("STOPPING=1");
                        }
                    }
                    Some(_) => status_at = status_at.or_else(|| Some(Instant::now() + STATUS_INTERVAL)),
                    None => return,
                },
                message = messages.recv() => match message {
                    Some(Message::Ready) => {
                        said = self.status();
                        self.tell(&format!("READY=1\nSTATUS={said}"));
                        // Not an interval later: to the service manager time runs on over upgrades, however many.
                        watchdog_at = Instant::now();
                    }
                    Some(Message::Reloading(told)) => {
                        self.tell(&reloading());
                        let _ = told.send(());
                    }
                    Some(Message::Finish(told)) => {
                        let _ = told.send(());
                        return;
                    }
                    None => return,
                },
                () = sleep_until(status_at.unwrap_or(watchdog_at)), if status_at.is_some() => {
                    status_at = None;
                    let status = self.status();
                    if status != said {
                        self.tell(&format!("STATUS={status}"));
                        said = status;
                    }
                }
                () = sleep_until(watchdog_at) => {
                    watchdog_at = Instant::now() + interval;
                    // Of the thread that supervises: whoever else hangs, programs are looked after.
                    if watchdog.is_some() && self.supervisor.turn(interval).await.is_some() {
                        self.tell("WATCHDOG=1");
                    }
                }
            }
        }
    }

    fn tell(&self, text: &str) {
        // Nothing depends on it: one that does not listen will hear the next.
        let _ = self.socket.send_to_addr(text.as_bytes(), &self.address);
    }

    fn status(&self) -> String {
        let processes = self.supervisor.by_name();
        let running = processes.iter().filter(|process| process.state == ProcessState::Running).count();
        format!("{running} of {} programs running", processes.len())
    }
}

/// Message that this process reloads, with the time that one that knows `notify-reload` asks for.
fn reloading() -> String {
    let microseconds = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| Duration::from(now).as_micros());
    format!("RELOADING=1\nMONOTONIC_USEC={microseconds}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_that_of_this_process() {
        let of = |variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
            watchdog(find, 7)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "many")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "1500000")]), Some(Duration::from_millis(1500)));
        assert_eq!(of(&[("WATCHDOG_USEC", "1"), ("WATCHDOG_PID", "7")]), Some(Duration::from_micros(1)));
        assert_eq!(of(&[("WATCHDOG_USEC", "1"), ("WATCHDOG_PID", "8")]), None);
    }
}
