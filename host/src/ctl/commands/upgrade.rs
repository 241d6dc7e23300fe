//! `upgrade`: supervisord executes itself anew, and no program stops.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use plugin_api::{Code, Fault, Value, ctl_plugin};

use crate::{
    ctl::{
        exit_status,
        process_info::{items, number, text},
        session::Session,
    },
    xmlrpc::ClientError,
};

/// Time after which an upgrade that has begun is not waited for any longer. The new supervisord has ten seconds to
/// begin, and so has the one before it if it does not.
const TIMEOUT: Duration = Duration::from_secs(45);

/// Interval of looks at how it goes.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The command `upgrade`.
pub(super) struct UpgradeCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl UpgradeCommand {
    #[doc = "upgrade\t\t\tRun the supervisord that is installed now in the place of the one that runs; no program stops
upgrade --check\t\tTell what an upgrade would do, and do nothing"]
    pub fn upgrade(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        let is_check = match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => false,
            ["--check"] => true,
            _ => {
                session.fail("Error: upgrade accepts no arguments but --check", exit_status::GENERIC);
                return Ok(());
            }
        };
        if !session.upcheck()? {
            return Ok(());
        }
        match if is_check { self.check() } else { self.start() } {
            Err(ClientError::Fault(fault)) if fault.is(Code::UnknownMethod) => {
                let why = "ERROR: this supervisord cannot be upgraded in place";
                session.fail(why, exit_status::UNIMPLEMENTED_FEATURE);
            }
            Err(ClientError::Fault(fault)) if fault.is(Code::Failed) => {
                session.fail(&format!("ERROR: {}", why(&fault)), exit_status::GENERIC);
            }
            Err(error) => return Err(error.into()),
            Ok(()) => {}
        }
        Ok(())
    }
}

impl UpgradeCommand {
    fn check(&self) -> Result<(), ClientError> {
        let plan = self.0.call("upgrade.check", &[])?;
        let (alive, all) = (number(&plan, "alive"), number(&plan, "processes"));
        let mut lines = vec![
            format!("supervisord {} ({}) can go on", text(&plan, "version"), text(&plan, "executable")),
            format!("    processes: {all}, of which {alive} run and go on"),
        ];
        for (member, what) in [("plugins", "loads"), ("opens", "opens"), ("closes", "closes")] {
            let texts = plan.get(member).into_iter().flat_map(items).filter_map(Value::as_str);
            lines.extend(texts.map(|text| format!("    {what}: {text}")));
        }
        self.0.output_member("plan", &lines.join("\n"), || plan.clone());
        Ok(())
    }

    fn start(&self) -> Result<(), ClientError> {
        let before = self.0.call("upgrade.getInfo", &[])?;
        let counts = |info: &Value| (number(info, "upgrades"), number(info, "failures"));
        let plan = self.0.call("upgrade.start", &[])?;
        let until = Instant::now() + TIMEOUT;
        loop {
            thread::sleep(LOOK_INTERVAL);
            // Between the two nobody answers.
            if let Ok(info) = self.0.call("upgrade.getInfo", &[])
                && counts(&info) != counts(&before)
            {
                if number(&info, "failures") == number(&before, "failures") {
                    let (then, now) = (text(&before, "version"), text(&info, "version"));
                    let alive = number(&plan, "alive");
                    let line = format!("Upgraded supervisord {then} to {now}: {alive} processes go on");
                    let members = || {
                        let (from, to) = (then.as_str().into(), now.as_str().into());
                        Value::structure([("from", from), ("to", to), ("processes", alive.into())])
                    };
                    self.0.output_member("upgraded", &line, members);
                } else {
                    self.0.fail(&format!("ERROR: {}", text(&info, "failure")), exit_status::GENERIC);
                }
                return Ok(());
            }
            if until <= Instant::now() {
                self.0.fail("ERROR: supervisord does not answer; its log says more", exit_status::GENERIC);
                return Ok(());
            }
        }
    }
}

/// Text of a fault without its name.
fn why(fault: &Fault) -> &str {
    fault.text.strip_prefix("FAILED: ").unwrap_or(&fault.text)
}
