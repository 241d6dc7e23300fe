//! Restart, and the config that is read again: before a restart to see whether there is one to start anew with.
//!
//! A supervisord that starts anew stops every program first. If its config turns out to be broken only then, nothing is
//! left: so it is read before, and by another thread than the main one, since that may wait for a disk.

use std::{
    env,
    panic::resume_unwind,
    sync::{Arc, atomic::Ordering::SeqCst},
    thread,
};

use super::shared::Shared;
use crate::{
    config::{Config, ConfigError, ConfigErrors, EventListenerPool, Library, PluginSection},
    linux::this_process,
    plugin::{self, SearchPath},
    process::signals,
    states::SupervisorState,
};

impl Shared {
    /// Read the config file as supervisord did when it was started.
    pub(super) fn read_config(&self) -> Result<Config, ConfigErrors> {
        let file = self.config.lock().file.clone();
        self.in_start_directory(|| Config::load(&file, &self.overrides))
    }

    /// Look for the factory of each RPC interface. Blocks: it may load a library, for only then is it known which
    /// factories that has.
    pub(super) fn check_interfaces(&self, config: &Config) -> Result<(), ConfigError> {
        self.in_start_directory(|| {
            let search = SearchPath::new(&config.supervisord.plugin_path);
            let unresolved = |section: &PluginSection, why| {
                ConfigError::unresolved(&section.factory.text, &format!("rpcinterface:{}", section.name), why)
            };
            let mut of_plugins = config.rpcinterfaces.iter().filter(|section| !section.factory.is_main_rpcinterface());
            of_plugins.try_for_each(|section| {
                let loaded = plugin::load(&section.factory, "rpcinterface", &search);
                loaded.map(drop).map_err(|why| unresolved(section, why))
            })
        })
    }

    /// Find what a supervisord that were started now would end of, as far as can be known without being one.
    pub(super) fn check_restart(&self) -> Result<(), Vec<String>> {
        let config =
            self.read_config().map_err(|errors| errors.iter().map(ConfigError::described).collect::<Vec<_>>())?;
        let missing = self.in_start_directory(|| {
            let search = SearchPath::new(&config.supervisord.plugin_path);
            let interface = |section: &PluginSection| {
                let spec = &section.factory;
                let found = if spec.is_main_rpcinterface() { Ok(()) } else { plugin::look(spec, &search) };
                found.err().map(|error| format!("{}: {error}", section.place))
            };
            let handler = |(name, pool): (&str, &EventListenerPool)| {
                let spec = &pool.result_handler;
                let found = if spec.library == Library::BuiltIn { Ok(()) } else { plugin::look(spec, &search) };
                found.err().map(|error| pool.no_handler(name, error).to_string())
            };
            let interfaces = config.rpcinterfaces.iter().filter_map(interface);
            interfaces.chain(config.pools().filter_map(handler)).collect::<Vec<_>>()
        });
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    /// Begin a restart, if there is something to start anew with.
    pub(super) fn restart(&self) -> Result<(), Vec<String>> {
        if let Err(errors) = self.check_restart() {
            for error in &errors {
                self.logger.critical(format_args!("will not restart: {error}"));
            }
            return Err(errors);
        }
        self.begin_restart();
        Ok(())
    }

    fn begin_restart(&self) {
        // An end that was asked for meanwhile stays one.
        let (running, restarting) = (SupervisorState::Running as i32, SupervisorState::Restarting as i32);
        let _ = self.state.compare_exchange(running, restarting, SeqCst, SeqCst);
        self.requests.wake();
    }

    /// Begin a restart that a signal asks for: another thread checks whether that can be, and the main one goes on.
    pub(super) fn restart_on_thread(self: &Arc<Self>) {
        if self.restarts_asked.fetch_add(1, SeqCst) > 0 {
            // Whoever is at it looks again.
            return;
        }
        let this = Arc::clone(self);
        let checks = thread::Builder::new().name("restart".to_owned()).spawn(move || {
            // Those that come during the restart are for the one that follows: no thread but the main one takes
            // any.
            signals::hold();
            this.enter_start_directory();
            loop {
                let asked = this.restarts_asked.load(SeqCst);
                // The log says why not.
                let _ = this.restart();
                if this.restarts_asked.compare_exchange(asked, 0, SeqCst, SeqCst).is_ok() {
                    return;
                }
            }
        });
        if let Err(error) = checks {
            self.restarts_asked.store(0, SeqCst);
            self.logger.critical(format_args!("will not restart: cannot make a thread to read the config: {error}"));
        }
    }

    /// Do work in the directory in which supervisord was started, to which paths are relative. Other threads stay where
    /// they are.
    fn in_start_directory<R: Send>(&self, work: impl Fn() -> R + Sync) -> R {
        if env::current_dir().is_ok_and(|here| here == self.started_in) {
            return work();
        }
        thread::scope(|scope| {
            let there = || {
                self.enter_start_directory();
                work()
            };
            match thread::Builder::new().name("config".to_owned()).spawn_scoped(scope, there) {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(_) => work(),
            }
        })
    }

    /// Let the calling thread, and no other, have the directory in which supervisord was started for its own. Where the
    /// kernel forbids that, it stays where it is.
    fn enter_start_directory(&self) {
        if this_process::unshare_working_directory().is_ok() {
            let _ = env::set_current_dir(&self.started_in);
        }
    }
}
