//! `examples/twiddler` in a running supervisord, under the config lines of the extension that it is modelled on.

use crate::common::{Config, Supervisord};

fn config() -> Config {
    Config::new()
        .section(
            "rpcinterface:twiddler",
            "supervisor.rpcinterface_factory=supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface",
        )
        .section("group:group_name", "programs=")
        .program("cat", "command=/bin/cat")
}

#[test]
fn a_program_joins_a_group_and_leaves_it() {
    let supervisord = Supervisord::start(&config());
    supervisord.doctest(
        "
        >>> s.twiddler.getAPIVersion()
        '1.0'
        >>> s.twiddler.getGroupNames()
        ['cat', 'group_name']
        >>> options = {'command': '/bin/echo total 0', 'autostart': 'false', 'autorestart': 'false', 'startsecs': '0',
        ...            'stdout_logfile': HERE + '/ls.log'}
        >>> s.twiddler.addProgramToGroup('group_name', 'ls', options)
        True
        >>> s.supervisor.getProcessInfo('group_name:ls')['statename']
        'STOPPED'
        >>> s.supervisor.startProcess('group_name:ls')
        True
        >>> while s.supervisor.getProcessInfo('group_name:ls')['statename'] != 'EXITED': time.sleep(0.02)
        >>> s.supervisor.readProcessLog('group_name:ls', 0, 50)
        'total 0\\n'
        >>> [info['name'] for info in s.supervisor.getAllConfigInfo()]
        ['cat', 'ls']
        >>> fault(s.twiddler.addProgramToGroup, 'group_name', 'ls', options)
        10 BAD_NAME: ls
        >>> fault(s.twiddler.addProgramToGroup, 'nope', 'ls', options)
        10 BAD_NAME: group: nope
        >>> fault(s.twiddler.addProgramToGroup, 'group_name', 'x', {})
        2 INCORRECT_PARAMETERS: program section program:x does not specify a command in section 'program:x' (file: '...')
        >>> fault(s.twiddler.addProgramToGroup, 'group_name', 'x\\n', {'command': '/bin/cat'})
        2 INCORRECT_PARAMETERS: Invalid name: 'x\\n' because of character: '\\n'
        >>> slip = {'command': '/bin/cat', 'autostart': 'false', 'autorestrat': 'false', 'STARTSECS': '0'}
        >>> s.twiddler.addProgramToGroup('group_name', 'slip', slip), s.twiddler.removeProcessFromGroup('group_name', 'slip')
        (True, True)
        >>> fault(s.twiddler.addProgramToGroup, 'group_name', 'x', 'command')
        2 INCORRECT_PARAMETERS
        >>> s.twiddler.removeProcessFromGroup('group_name', 'ls')
        True
        >>> fault(s.twiddler.removeProcessFromGroup, 'group_name', 'ls')
        10 BAD_NAME: ls
        >>> fault(s.supervisor.startProcess, 'group_name:ls')
        10 BAD_NAME: group_name:ls
        ",
    );
    supervisord.wait_for_log("INFO twiddler: added program ls to group group_name: ls");
    supervisord.wait_for_log("INFO twiddler: removed process ls from group group_name");
    let slip = "WARN twiddler: unknown key 'autorestrat' in [program:slip]; did you mean 'autorestart'?";
    supervisord.wait_for_log(slip);
    assert_eq!(supervisord.log().matches("unknown key").count(), 1);
}

#[test]
fn an_added_program_starts_by_itself_and_is_supervised() {
    let supervisord = Supervisord::start(&config());
    supervisord.doctest(
        "
        >>> several = {'command': '/bin/cat', 'numprocs': 2, 'process_name': '%(program_name)s_%(process_num)d',
        ...            'startsecs': 0, 'stdout_logfile': 'NONE', 'stderr_logfile': 'NONE'}
        >>> s.twiddler.addProgramToGroup('cat', 'more', several)
        True
        >>> [info['name'] for info in s.supervisor.getAllProcessInfo() if info['group'] == 'cat']
        ['cat', 'more_0', 'more_1']
        ",
    );
    supervisord.wait_for_state("cat:more_1", "RUNNING");
    let first = supervisord.pid_of("cat:more_1");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    crate::common::wait_until("it is started again", || ![0, first].contains(&supervisord.pid_of("cat:more_1")));
    supervisord.doctest(
        "
        >>> fault(s.twiddler.removeProcessFromGroup, 'cat', 'more_1')
        91 STILL_RUNNING: more_1
        >>> s.supervisor.stopProcess('cat:more_1'), s.twiddler.removeProcessFromGroup('cat', 'more_1')
        (True, True)
        >>> s.supervisor.reloadConfig()
        [[[], ['cat'], []]]
        ",
    );
}

#[test]
fn the_whitelist_lets_through_what_it_names() {
    let supervisord = Supervisord::start(&config().section("rpcinterface:twiddler", "whitelist=getAPIVersion,log"));
    supervisord.doctest(
        "
        >>> s.twiddler.getAPIVersion(), s.twiddler.log('twiddled'), s.twiddler.log('badly', 'ERRO'), s.twiddler.log('!', 50)
        ('1.0', True, True, True)
        >>> fault(s.twiddler.getGroupNames)
        230 NOT_IN_WHITELIST: getGroupNames
        >>> fault(s.twiddler.log, 'x', 'nonsense')
        2 INCORRECT_PARAMETERS
        >>> 'twiddler.getGroupNames' in s.system.listMethods()
        True
        ",
    );
    for line in ["INFO twiddled", "ERRO badly", "CRIT !"] {
        supervisord.wait_for_log(line);
    }
}

#[test]
fn plugins_reach_what_is_not_published() {
    let supervisord = Supervisord::start(&config().without("rpcinterface:supervisor"));
    supervisord.doctest(
        "
        >>> s.twiddler.getGroupNames()
        ['cat', 'group_name']
        >>> fault(s.supervisor.getState)
        1 UNKNOWN_METHOD
        >>> [name for name in s.system.listMethods() if name.startswith('supervisor.')]
        []
        ",
    );
}
