//! Result handlers of plugins: they judge what event listeners answer. Each has places of its own to run in, so that
//! one that hangs holds up no other, and is counted as a namespace is.

use std::sync::Arc;

use parking_lot::Mutex;
use plugin_api::{Fault, Value, abi::NamespaceObject};

use crate::rpc::build::host_for;
use crate::rpc::execution::executor::{Caller, Workers};
use crate::rpc::execution::plugin_object::Guest;
use crate::rpc::lifecycle::event_value;
use crate::rpc::registry::{Origin, RegistryRef};
use crate::rpc::usage::{Count, Tally};
use crate::{
    config::FactorySpec,
    events::Event,
    logger::Logger,
    plugin::{self, LibraryInfo, SearchPath},
    process::{
        event_listener::Verdict,
        event_pool::{Answer, ResultHandler},
    },
    supervisor::{MakeHandler, Supervisor},
};

/// What is called of a handler.
const METHOD: &str = "handleResult";

/// For how many handlers there is always a thread; there is one for more where not all of them are at work.
pub(crate) const HANDLERS: usize = 64;

/// The handlers that were made until now.
#[derive(Clone, Default)]
pub(crate) struct ResultHandlers(Arc<Mutex<Vec<Made>>>);

struct Made {
    name: String,
    library: LibraryInfo,
    tally: Arc<Tally>,
}

/// How one handler has been used.
pub(crate) struct HandlerInfo {
    /// As the config names it.
    pub(crate) name: String,
    pub(crate) library: LibraryInfo,
    pub(crate) count: Count,
}

impl ResultHandlers {
    pub(crate) fn infos(&self) -> Vec<HandlerInfo> {
        let info = |Made { name, library, tally }: &Made| HandlerInfo {
            name: name.clone(),
            library: library.clone(),
            count: tally.count(),
        };
        self.0.lock().iter().map(info).collect()
    }

    /// Counts what is called of a handler from now on.
    pub(crate) fn add(&self, name: &str, library: LibraryInfo) -> Arc<Tally> {
        let tally = Arc::<Tally>::default();
        self.0.lock().push(Made { name: name.to_owned(), library, tally: tally.clone() });
        tally
    }
}

/// Makes the handlers that `result_handler=` names, and notes them in `made`. `workers` gives each its places.
pub(crate) fn maker(
    supervisor: &Supervisor,
    search: SearchPath,
    registry_ref: RegistryRef,
    logger: &Logger,
    made: ResultHandlers,
    workers: impl Fn(&str) -> Workers + Send + Sync + 'static,
) -> MakeHandler {
    // The supervisor keeps this, and is kept by it: both are there until the process ends.
    let (supervisor, logger) = (supervisor.clone(), logger.clone());
    Box::new(move |spec: &FactorySpec| {
        let factory = plugin::load(spec, "result_handler", &search).map_err(|error| error.to_string())?;
        let host = host_for(&spec.factory, Vec::new(), &supervisor, &logger, &registry_ref);
        let object = factory.make(host, Vec::new().into()).map_err(|fault| fault.to_string())?;
        let tally = made.add(&spec.text, factory.library().clone());
        let handler = OfPlugin::new(&spec.text, object, workers(&spec.text), tally, logger.clone());
        Ok(Arc::new(handler) as Arc<dyn ResultHandler>)
    })
}

/// One handler.
#[derive(Clone)]
struct OfPlugin(Arc<Handler>);

struct Handler {
    /// As the config names it.
    name: String,
    object: Guest,
    workers: Workers,
    tally: Arc<Tally>,
    logger: Logger,
}

impl OfPlugin {
    fn new(name: &str, object: NamespaceObject, workers: Workers, tally: Arc<Tally>, logger: Logger) -> Self {
        // Nobody waits for its end: it has nothing to say then.
        let (object, _) = Guest::new(object, Origin::Plugin);
        Self(Arc::new(Handler { name: name.to_owned(), object, workers, tally, logger }))
    }
}

impl Handler {
    async fn judge(&self, event: &Event, result: Vec<u8>) -> Verdict {
        let params = [event_value(event), Value::Base64(result.into())];
        let mut call = self.tally.begin();
        call.lasts();
        let (object, params) = (self.object.clone(), params.into_iter().collect());
        let called = self.workers.call(Caller::Host, object, &self.name, METHOD.to_owned(), params).await;
        let judged = match called {
            Ok(reply) => self.workers.run(&self.name, Guest::answer(reply)).await,
            Err(fault) => Err(fault),
        };
        drop(call);
        match judged {
            Ok(Value::Bool(true)) => Verdict::Processed,
            Ok(_) => Verdict::Rejected,
            Err(fault) => {
                self.tally.fault(is_panic(&fault));
                self.logger.error(format_args!("{}: {}", self.name, fault.detail()));
                Verdict::Failed
            }
        }
    }
}

fn is_panic(fault: &Fault) -> bool {
    fault.detail().strip_prefix(METHOD).is_some_and(|rest| rest.starts_with(" panicked: "))
}

impl ResultHandler for OfPlugin {
    fn judge(&self, event: &Arc<Event>, result: &[u8], answer: Answer) {
        let Some(runtime) = self.0.workers.runtime() else {
            // The server is about to start; the event comes again.
            return answer(Verdict::Rejected);
        };
        let (handler, event, result) = (self.0.clone(), event.clone(), result.to_vec());
        runtime.spawn(async move { answer(handler.judge(&event, result).await) });
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{OnceLock, mpsc},
        time::{Duration, Instant},
    };

    use plugin_api::{namespace, rpc_interface};

    use super::*;
    use crate::{
        logger::Level,
        rpc::{execution::slots::HANDLER_PLACES, watchdog::in_flight::Running},
    };

    /// Accepts `OK`, panics over `panic`, and comes to no end with what is `stuck`.
    struct Judge;

    #[rpc_interface]
    impl Judge {
        pub fn handle_result(&self, _event: Value, result: Value) -> bool {
            match result {
                Value::Base64(result) if result.as_slice() == b"panic" => panic!("over it"),
                Value::Base64(result) if result.as_slice() == b"stuck" => loop {
                    std::thread::park();
                },
                Value::Base64(result) => result.as_slice() == b"OK",
                _ => false,
            }
        }
    }

    #[test]
    fn handlers_are_counted_and_do_not_wait_for_each_other() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pool = Arc::new(OnceLock::from(runtime.handle().clone()));
        let (made, running) = (ResultHandlers::default(), Running::default());
        let logger = Logger::new(Level::Critical, |_| {});
        let handler = |name: &str| {
            let library = LibraryInfo {
                path: "/judge.so".into(),
                name: "judge".into(),
                version: "1.0.0".into(),
                api_version: "1.0.0".into(),
            };
            let workers = Workers::of_handler(name, pool.clone(), &running, &logger);
            OfPlugin::new(name, namespace(Arc::new(Judge)), workers, made.add(name, library), logger.clone())
        };
        let (stern, mild) = (handler("judge:stern"), handler("judge:mild"));
        let (tell, told) = mpsc::channel();
        let ask = |handler: &OfPlugin, result: &[u8]| {
            let tell = tell.clone();
            let answer = Box::new(move |verdict| tell.send(verdict).expect("it is waited for"));
            handler.judge(&Arc::new(Event::SupervisorRunning), result, answer);
        };
        for _ in 0..=HANDLER_PLACES {
            ask(&stern, b"stuck");
        }
        for (result, verdict) in
            [(&b"OK"[..], Verdict::Processed), (b"NO", Verdict::Rejected), (b"panic", Verdict::Failed)]
        {
            ask(&mild, result);
            let heard = runtime.block_on(async {
                loop {
                    match told.try_recv() {
                        Ok(verdict) => return verdict,
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
            });
            assert_eq!(heard, verdict);
        }
        let counts = made.infos().into_iter().map(|HandlerInfo { name, count, .. }| (name, count));
        let counts: Vec<_> = counts.map(|(name, it)| (name, it.calls, it.faults, it.panics)).collect();
        assert_eq!(counts, [("judge:stern".into(), HANDLER_PLACES as u64 + 1, 0, 0), ("judge:mild".into(), 3, 1, 1)]);
        let under_way: Vec<_> = made.infos().into_iter().map(|info| info.count.running).collect();
        assert_eq!(under_way, [HANDLER_PLACES as u64 + 1, 0]);
        let news = running.news(Instant::now() + Duration::from_secs(30));
        assert_eq!(news, [(); HANDLER_PLACES].map(|()| "judge:stern has been running for 30 seconds"));
        runtime.shutdown_background();
    }
}
