//! What keeps Supervisor from sleeping.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Sends a byte of a request that never ends, again and again, until it is dropped.
///
/// Supervisor looks at what it waits for when something happens to one of its descriptors, and otherwise once a second.
/// What it does and says is the same either way, but nobody has to wait for it.
#[derive(Debug)]
pub struct Nudge {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Nudge {
    /// Nudges whoever listens at that port of 127.0.0.1.
    pub fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut connection = None;
            while !stopped.load(Ordering::Relaxed) {
                // After a restart there is another one to talk to.
                let mut stream = connection.take().or_else(|| TcpStream::connect(("127.0.0.1", port)).ok());
                if stream.as_mut().is_some_and(|stream| stream.write_all(b"x").is_ok()) {
                    connection = stream;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Nudge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
