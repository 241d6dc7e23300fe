//! Result handlers of plugins, which judge what event listeners answer. Each has threads of its own, so that one that
//! hangs holds up no other, and is counted as a namespace is.

use std::sync::Arc;

use plugin_api::Value;

use super::{
    execution::PluginObject, handover::Offer, host_api::HostApi, lifecycle::event_value, method::Caller,
    registry::RegistryRef,
};
use crate::{
    config::FactorySpec,
    events::Event,
    logger::Logger,
    plugin::{self, SearchPath},
    process::{
        event_listener::Verdict,
        event_pool::{Answer, ResultHandler},
    },
    supervisor::{MakeHandler, Supervisor},
};

/// Method of a handler that judges.
const METHOD: &str = "handleResult";

/// Maker of the handlers that `result_handler=` names.
pub(super) fn maker(
    supervisor: &Supervisor,
    search: SearchPath,
    registry_ref: RegistryRef,
    logger: &Logger,
) -> MakeHandler {
    // The supervisor keeps this, and is kept by it: both are there until the process ends.
    let (supervisor, logger) = (supervisor.clone(), logger.clone());
    Box::new(move |spec: &FactorySpec| {
        let factory = plugin::load(spec, "result_handler", &search).map_err(|error| error.to_string())?;
        let host = HostApi::object(&spec.factory, Vec::new(), &supervisor, &logger, &registry_ref, Offer::default());
        let object = factory.make(host, Vec::new().into()).map_err(|fault| fault.to_string())?;
        let registry = registry_ref.get().map_err(|fault| fault.to_string())?;
        let object = registry.add_result_handler(&spec.text, object, factory.library().clone());
        Ok(Arc::new(OfPlugin { object, logger: logger.clone() }) as Arc<dyn ResultHandler>)
    })
}

/// A handler of a plugin.
#[derive(Clone)]
struct OfPlugin {
    /// Object that makes the judgements, under the name that the config gives it.
    object: Arc<PluginObject>,
    /// Logger for faults of that object.
    logger: Logger,
}

impl OfPlugin {
    /// Have the plugin judge the answer of a listener to an event.
    async fn verdict(&self, event: &Event, result: Vec<u8>) -> Verdict {
        let (object, params) = (&self.object, [event_value(event), Value::Base64(result.into())]);
        let mut timer = object.usage().begin(None);
        timer.mark_pending();
        let name = Arc::from(object.name());
        let judged =
            object.call_blocking(Caller::Host, &name, METHOD.into(), params.into_iter().collect(), || None).await;
        drop(timer);
        match judged {
            Ok(Value::Bool(true)) => Verdict::Processed,
            Ok(_) => Verdict::Rejected,
            Err(fault) => {
                object.count_fault(METHOD, &fault);
                self.logger.error(format_args!("{name}: {}", fault.detail()));
                Verdict::Failed
            }
        }
    }
}

impl ResultHandler for OfPlugin {
    fn judge(&self, event: &Arc<Event>, result: &[u8], answer: Answer) {
        let Some(runtime) = self.object.server() else {
            // The server is about to start; the event comes again.
            return answer(Verdict::Rejected);
        };
        let (handler, event, result) = (self.clone(), event.clone(), result.to_vec());
        runtime.spawn(async move { answer(handler.verdict(&event, result).await) });
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc,
        time::{Duration, Instant},
    };

    use plugin_api::{namespace, rpc_interface};

    use super::*;
    use crate::{
        logger::Level,
        plugin::LibraryInfo,
        rpc::{Registry, execution::RESULT_HANDLER_SLOTS, fixtures::TestRuntime},
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
        let runtime = TestRuntime::new();
        let logger = Logger::new(Level::Critical, |_| {});
        let registry = Registry::with_system(&RegistryRef::default(), Vec::new(), logger.clone());
        registry.run_on(runtime.handle());
        let handler = |name: &str| {
            let library = LibraryInfo {
                path: "/judge.so".into(),
                name: "judge".into(),
                version: "1.0.0".into(),
                api_version: "1.0.0".into(),
            };
            let object = registry.add_result_handler(name, namespace(Arc::new(Judge)), library);
            OfPlugin { object, logger: logger.clone() }
        };
        let (stern, mild) = (handler("judge:stern"), handler("judge:mild"));
        let (tell, told) = mpsc::channel();
        let ask = |handler: &OfPlugin, result: &[u8]| {
            let tell = tell.clone();
            let answer = Box::new(move |verdict| tell.send(verdict).expect("it is waited for"));
            handler.judge(&Arc::new(Event::SupervisorRunning), result, answer);
        };
        for _ in 0..=RESULT_HANDLER_SLOTS {
            ask(&stern, b"stuck");
        }
        for (result, verdict) in
            [(&b"OK"[..], Verdict::Processed), (b"NO", Verdict::Rejected), (b"panic", Verdict::Failed)]
        {
            ask(&mild, result);
            let begin = Instant::now();
            let received = runtime.block_on(async {
                loop {
                    match told.try_recv() {
                        Ok(verdict) => return Some(verdict),
                        Err(_) if begin.elapsed() > Duration::from_secs(20) => return None,
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
            });
            assert_eq!(received, Some(verdict));
        }
        let handlers = registry.result_handlers();
        let counts = handlers.iter().map(|(object, _)| (object.name().to_owned(), object.usage_snapshot()));
        let counts: Vec<_> = counts.map(|(name, it)| (name, it.calls, it.faults, it.panics)).collect();
        assert_eq!(
            counts,
            [("judge:stern".into(), RESULT_HANDLER_SLOTS as u64 + 1, 0, 0), ("judge:mild".into(), 3, 1, 1)]
        );
        let under_way: Vec<_> = handlers.iter().map(|(object, _)| object.usage_snapshot().running).collect();
        assert_eq!(under_way, [RESULT_HANDLER_SLOTS as u64 + 1, 0]);
        let news = registry.watchdog().late(Instant::now() + Duration::from_secs(30));
        assert_eq!(news, [(); RESULT_HANDLER_SLOTS].map(|()| "judge:stern has been running for 30 seconds"));
    }
}
