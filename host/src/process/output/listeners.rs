//! Conversation with event listeners, whose pipes the output loop has.

use std::sync::{Arc, atomic::Ordering};

use super::{event_pools::NewPool, output_loop::OutputLoop};
use crate::{
    config::Level,
    process::{
        event_listener::Verdict,
        event_pool::{Delivery, Judgement, Work},
        stdin::Stdin,
    },
};

impl OutputLoop {
    pub(super) fn add_pool(&self, pool: &NewPool) {
        let NewPool { name, config, processes, handler } = pool;
        let processes = processes.iter().map(String::as_str);
        self.queue.pools.pools.lock().add(name, config, processes, Arc::clone(handler));
    }

    pub(super) fn remove_pool(&self, name: &str) {
        self.queue.change_pools(|pools| {
            let (before, lines) = (pools.len(), pools.remove(name));
            self.queue.pools.count.fetch_sub(before - pools.len(), Ordering::Relaxed);
            lines
        });
    }

    /// Remove all pools: it is the end.
    pub(super) fn remove_pools(&self) {
        let lines = self.queue.pools.pools.lock().remove_all();
        for (level, message) in lines {
            self.queue.log(level, message);
        }
    }

    pub(super) fn listener_started(&mut self, run: u64, group: &str, process: &str, stdin: Arc<Stdin>) {
        self.listeners.insert(run, stdin);
        self.queue.pools.pools.lock().started(group, process, run);
    }

    /// Note that a process has ended, whose output was read to the end.
    pub(super) fn listener_ended(&mut self, run: u64) {
        if self.listeners.remove(&run).is_some() {
            self.queue.change_pools(|pools| pools.ended(run));
        }
    }

    /// Do the work of the pools.
    pub(super) fn serve_listeners(&mut self) {
        loop {
            let work = self.queue.pools.pools.lock().next_work();
            match work {
                Some(Work::Send(delivery)) => self.send(&delivery),
                Some(Work::Judge(judgement)) => self.judge(judgement),
                None => return,
            }
        }
    }

    fn send(&mut self, delivery: &Delivery) {
        let Delivery { run, listener, .. } = delivery;
        let (run, serial) = (*run, delivery.serial());
        // Where it is gone, its event has gone back to the pool already.
        let Some(stdin) = self.listeners.get(&run).map(Arc::clone) else { return };
        let Ok(waits) = stdin.write(&delivery.envelope(&self.queue.pools.identifier)) else {
            let what = "epipe occurred while sending event";
            let line = format!("{what} {serial} to listener {listener}, listener state unchanged");
            self.queue.log(Level::Debug, line);
            self.queue.change_pools(|pools| pools.not_sent(run));
            return;
        };
        self.queue.log(Level::Debug, format!("event {serial} sent to listener {listener}"));
        if waits {
            self.watch_stdin(run, stdin);
        }
    }

    fn judge(&self, judgement: Judgement) {
        let Judgement { run, handler, event, result } = judgement;
        let queue = Arc::clone(&self.queue);
        let answer = move |verdict: Verdict| queue.change_pools(|pools| pools.judged(run, verdict));
        handler.judge(&event, &result, Box::new(answer));
    }
}
