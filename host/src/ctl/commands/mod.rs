//! The built-in commands: those that `help` lists as `default commands`.
//!
//! They are a ctl plugin like any other, made by the same macro; only that they take all their words as they are and
//! find fault with them in Supervisor's words. The help of each is laid out here, tabs and all, where that of a plugin
//! is made from its parameters.

mod config;
mod daemon;
mod logs;
mod plugins;
pub(super) mod reply;
mod start_stop;
mod status;

use std::sync::Arc;

use plugin_api::{Fault, ctl_plugin};

pub(super) use self::plugins::FurtherControllerPlugin;
use super::session::{self, Session};

/// The commands that every `supervisorctl` has.
pub(super) struct DefaultControllerPlugin {
    ctl: Arc<Session>,
}

impl DefaultControllerPlugin {
    /// The commands of this session.
    pub(super) fn new(ctl: Arc<Session>) -> Self {
        Self { ctl }
    }
}

#[ctl_plugin]
impl DefaultControllerPlugin {
    #[doc = "status <name>\t\tShow one process"]
    #[doc = "status <gname>:*\tShow every process of a group"]
    #[doc = "status <name> <name>\tShow several processes or groups"]
    #[doc = "status\t\t\tShow all processes"]
    #[ctl(complete = "processes")]
    pub fn status(&self, names: Vec<String>) -> Result<(), Fault> {
        status::status(&self.ctl, &names)
    }

    #[doc = "pid\t\t\tPrint the PID of supervisord."]
    #[doc = "pid <name>\t\tPrint the PID of one process."]
    #[doc = "pid all\t\t\tPrint the PIDs of all processes, a line for each."]
    #[ctl(complete = "processes")]
    pub fn pid(&self, names: Vec<String>) -> Result<(), Fault> {
        status::pid(&self.ctl, &names)
    }

    #[doc = "start <name>\t\tStart one process"]
    #[doc = "start <gname>:*\t\tStart every process of a group"]
    #[doc = "start <name> <name>\tStart several processes or groups"]
    #[doc = "start all\t\tStart all processes"]
    #[ctl(complete = "processes")]
    pub fn start(&self, names: Vec<String>) -> Result<(), Fault> {
        start_stop::start(&self.ctl, &names)
    }

    #[doc = "stop <name>\t\tStop one process"]
    #[doc = "stop <gname>:*\t\tStop every process of a group"]
    #[doc = "stop <name> <name>\tStop several processes or groups"]
    #[doc = "stop all\t\tStop all processes"]
    #[ctl(complete = "processes")]
    pub fn stop(&self, names: Vec<String>) -> Result<(), Fault> {
        start_stop::stop(&self.ctl, &names)
    }

    #[doc = "restart <name>\t\tStop and start one process"]
    #[doc = "restart <gname>:*\tStop and start every process of a group"]
    #[doc = "restart <name> <name>\tStop and start several processes or groups"]
    #[doc = "restart all\t\tStop and start all processes"]
    #[doc = "Note: changes of the config files are not seen. For those there are reread and update."]
    #[ctl(complete = "processes")]
    pub fn restart(&self, names: Vec<String>) -> Result<(), Fault> {
        start_stop::restart(&self.ctl, &names)
    }

    #[doc = "signal <signal name> <name>\t\tSend a signal to one process"]
    #[doc = "signal <signal name> <gname>:*\t\tSend a signal to every process of a group"]
    #[doc = "signal <signal name> <name> <name>\tSend a signal to several processes or groups"]
    #[doc = "signal <signal name> all\t\tSend a signal to all processes"]
    #[ctl(complete = "processes")]
    pub fn signal(&self, words: Vec<String>) -> Result<(), Fault> {
        start_stop::signal(&self.ctl, &words)
    }

    #[doc = "clear <name>\t\tEmpty the log files of one process."]
    #[doc = "clear <name> <name>\tEmpty the log files of several processes."]
    #[doc = "clear all\t\tEmpty the log files of all processes."]
    #[ctl(complete = "processes")]
    pub fn clear(&self, names: Vec<String>) -> Result<(), Fault> {
        start_stop::clear(&self.ctl, &names)
    }

    #[doc = "tail [-f] <name> [stdout|stderr] (stdout unless given)"]
    #[doc = "Ex:"]
    #[doc = "tail -f <name>\t\tShow what a process writes to stdout as it comes"]
    #[doc = "\t\t\tCtrl-C to exit."]
    #[doc = "tail -100 <name>\tShow the last 100 *bytes* of its stdout"]
    #[doc = "tail <name> stderr\tShow the last 1600 *bytes* of its stderr"]
    #[ctl(complete = "processes")]
    pub fn tail(&self, words: Vec<String>) -> Result<(), Fault> {
        logs::tail(&self.ctl, &words)
    }

    #[doc = "maintail -f \tShow the main log of supervisord as it grows (Ctrl-C to exit)"]
    #[doc = "maintail -100\tShow the last 100 *bytes* of the main log"]
    #[doc = "maintail\tShow the last 1600 *bytes* of the main log"]
    pub fn maintail(&self, words: Vec<String>) -> Result<(), Fault> {
        logs::maintail(&self.ctl, &words)
    }

    #[doc = "fg <process>\tSee what a process writes, and type into its stdin"]
    #[doc = "\t\tCtrl-C to exit"]
    #[ctl(complete = "processes")]
    pub fn fg(&self, words: Vec<String>) -> Result<(), Fault> {
        logs::fg(&self.ctl, &words)
    }

    #[doc = "avail\t\t\tList all processes that are configured"]
    pub fn avail(&self, words: Vec<String>) -> Result<(), Fault> {
        config::avail(&self.ctl, &words)
    }

    #[doc = "reread \t\t\tRead the config files again and say what is new; change nothing"]
    pub fn reread(&self, words: Vec<String>) -> Result<(), Fault> {
        config::reread(&self.ctl, &words)
    }

    #[doc = "update\t\t\tRead the config files again, then add, remove and restart what has changed"]
    #[doc = "update all\t\tThe same"]
    #[doc = "update <gname> [...]\tThe same for these groups alone"]
    #[ctl(complete = "groups")]
    pub fn update(&self, names: Vec<String>) -> Result<(), Fault> {
        config::update(&self.ctl, &names)
    }

    #[doc = "add <name> [...]\tMake active what the config has for a process or group"]
    #[ctl(complete = "groups")]
    pub fn add(&self, names: Vec<String>) -> Result<(), Fault> {
        config::add(&self.ctl, &names)
    }

    #[doc = "remove <name> [...]\tTake a process or group out of the active config"]
    #[ctl(complete = "groups")]
    pub fn remove(&self, names: Vec<String>) -> Result<(), Fault> {
        config::remove(&self.ctl, &names)
    }

    #[doc = "reload \t\tRestart supervisord itself."]
    pub fn reload(&self, words: Vec<String>) -> Result<(), Fault> {
        daemon::reload(&self.ctl, &words)
    }

    #[doc = "shutdown \tStop all processes and supervisord itself."]
    pub fn shutdown(&self, words: Vec<String>) -> Result<(), Fault> {
        daemon::shutdown(&self.ctl, &words)
    }

    #[doc = "open <url>\tTurn to another supervisord."]
    #[doc = "\t\t(of a UNIX domain socket: `unix:///socket/path`)"]
    pub fn open(&self, words: Vec<String>) -> Result<(), Fault> {
        daemon::open(&self.ctl, &words)
    }

    #[doc = "version\t\t\tPrint the version of supervisord"]
    pub fn version(&self, words: Vec<String>) -> Result<(), Fault> {
        daemon::version(&self.ctl, &words)
    }

    #[doc = "quit\tLeave this shell."]
    pub fn quit(&self, _words: Vec<String>) {
        daemon::quit(&self.ctl);
    }

    #[doc = "exit\tLeave this shell."]
    pub fn exit(&self, _words: Vec<String>) {
        daemon::quit(&self.ctl);
    }
}

/// Complains of words after a command that takes none.
fn refuses_words(ctl: &Session, command: &str, words: &[String]) -> bool {
    let refused = !words.is_empty();
    if refused {
        ctl.misused(&format!("Error: {command} accepts no arguments"), session::status::GENERIC);
    }
    refused
}
