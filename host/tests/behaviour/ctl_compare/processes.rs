//! Lines about processes, groups and the config: what they say, and what they do.

use super::{Comparison, config, start};
use crate::common::{Config, Kind};

#[test]
#[allow(clippy::too_many_lines, reason = "a table of lines")]
fn what_is_said_of_processes() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "status
        status *
        status CAT
        status num:* cat
        status all nope
        status nope all
        status cat:*
        status cat:cat
        status : :*
        status num:num_0 num:num_0
        pid
        pid cat
        pid all
        pid all nope
        pid num:num_0
        pid num:*
        pid num
        pid gone
        pid fatal
        pid cat manual
        avail all
        fg num:*
        fg num
        fg gone
        fg fatal
        fg cat:cat x
        tail num:num_0
        tail num:*
        tail num
        tail gone stdin
        tail gone stdout
        tail gone stdout x
        tail -3 gone stderr
        tail -0 gone stderr
        tail -1000000 gone
        tail -99999999999 gone
        tail silent stderr
        tail fatal
        tail -f
        tail -f gone stdin
        tail -f fatal
        tail -f silent
        tail -fx gone
        maintail -
        maintail -0x
        maintail -f x
        maintail -30
        maintail -0
        maintail
        status cat
        status cat gone nope
        status num:*
        status num:
        status nope:*
        status num:num_1 num:num_9
        status all
        pid manual
        pid nope
        pid manual nope cat
        avail
        avail x
        fg
        fg a b
        fg nope
        fg manual
        tail
        tail -
        tail cat x
        tail gone
        tail gone stderr
        tail gone STDERR
        tail -3 gone
        tail -0 gone
        tail --3 gone
        tail -1_0 gone
        tail silent
        tail nope
        tail -5
        tail -x gone
        tail a b c d
        tail -f a b c
        tail -f nope
        tail -f nope stderr
        maintail -x
        maintail x
        maintail a b
        version
        version x
        foo
        foo bar
        start-all
        !x
        quit
        exit
        quit x
        EOF
        help
        help help
        help EOF
        help nope x
        help  stop
        help stop start
        help stop:*
        help all
        ? nope
        ?stop
        EOF x
        exit 1
        status,
        sta
        STATUS
        open http://
        open HTTP://localhost:1
        open http://localhost:1 x
        open unix:
        help start
        ? stop
        ?
        open
        open foo
        open ftp://x
        open unix:///nope
        open http://localhost:1",
    );
}

#[test]
fn processes_are_started() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "start
        start num
        start : nope
        start nope fatal
        start quick:* ; status quick
        start manual:* ; stop manual:* ; start manual:manual num:num_0 ; stop manual cat ; start cat
        start nope
        start nope:*
        start cat
        start fatal
        start quick
        start cat nope fatal
        start nope:* cat
        start manual ; start manual ; status manual ; stop manual ; stop manual",
    );
}

#[test]
fn processes_are_stopped() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "stop num ; start num:*
        stop fatal
        stop fatal:*
        stop gone nope
        stop cat:* ; stop cat:* nope:* cat ; start cat
        stop all nope ; start cat num:*
        stop
        stop nope
        stop nope:*
        stop num:* ; stop num:* ; start num:* ; start num:*
        stop num:num_1 ; start num:num_1
        stop all ; stop all ; start cat ; start num:*",
    );
}

#[test]
fn processes_are_restarted() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "restart num
        restart fatal
        restart manual ; stop manual
        restart nope:*
        restart cat nope manual ; stop manual
        restart
        restart nope
        restart cat
        restart num:*
        restart num:num_0 cat",
    );
}

#[test]
fn processes_are_signalled_and_cleared() {
    let supervisord = start(&config());
    Comparison::new(&supervisord).stories(
        "signal cont cat
        signal SIGCONT cat
        signal 18 cat
        signal 99 cat
        signal -1 cat
        signal CONT num
        signal CONT all nope
        signal CONT manual:*
        signal CONT fatal
        signal NOPE all
        signal NOPE nope
        signal NOPE num:*
        clear manual
        clear gone
        clear silent
        clear num:num_0
        clear num
        clear all nope
        signal
        signal HUP
        signal NOPE cat
        signal USR1 manual
        signal 0 cat
        signal CONT num:*
        signal CONT nope:*
        signal CONT all
        signal CONT cat nope manual
        clear
        clear cat
        clear num:*
        clear nope cat
        clear all
        reload x
        shutdown x",
    );
}

#[test]
fn what_is_done_to_the_configuration() {
    let supervisord = start(&config());
    let mut comparison = Comparison::new(&supervisord);
    comparison.stories(
        "reread
        update nope
        update nope nope
        update num nope
        add num
        add cat nope
        add all
        remove all
        remove num:*
        remove manual ; status manual ; avail ; add manual
        stop num:* ; remove num ; avail ; status num:* ; start num:* ; pid num:num_0 ; add num ; start num:*
        reread x
        update
        update nope cat
        update all
        add
        add cat
        add nope
        remove
        remove cat
        remove nope
        stop cat ; remove cat ; status cat ; add cat ; add cat
        stop num:* ; remove num nope ; reread ; update num ; status num:*",
    );
    let file = supervisord.config_file().to_owned();
    let before = std::fs::read_to_string(&file).expect("the config is there");
    let changed = before.replace("[program:manual]", "[program:other]").replace("startretries=0", "startretries=1");
    std::fs::write(&file, &changed).expect("the config can be written");
    comparison.stories("reread ; reread");
    // What one has updated, there is no more for the other to update: each starts from the same.
    let update = |kind, text: &str| {
        std::fs::write(&file, text).expect("the config can be written");
        supervisord.ctl_with_input(kind, &["update"], "")
    };
    let there = [update(Kind::Real, &changed), update(Kind::Real, &before)];
    assert_eq!([update(Kind::Ours, &changed), update(Kind::Ours, &before)], there);
    std::fs::write(&file, format!("{before}\n[program:broken]\n")).expect("the config can be written");
    comparison.stories("reread ; update");
}

#[test]
fn what_is_done_to_all() {
    // None ends at once, because what is said of such a one depends on who is faster; and none has a name beyond ASCII,
    // because Supervisor then cuts off its answer.
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("manual", "command=/bin/cat\nautostart=false\nstartsecs=0")
        .program("fatal", "command=/nonexistent/x\nstartretries=0")
        .program("num", "command=/bin/cat\nprocess_name=num_%(process_num)d\nnumprocs=3\nstartsecs=0\npriority=5");
    let supervisord = start(&config);
    Comparison::new(&supervisord).stories(
        "start all ; stop manual
        start nope all ; start all ; stop manual
        stop all ; stop all ; stop all nope ; status all ; pid all ; start all ; stop manual
        restart all ; restart nope all ; stop manual
        stop all ; signal CONT all ; clear all ; restart all ; stop manual",
    );
}

#[test]
fn names_of_every_kind() {
    let config = Config::new()
        .program("café", "command=/bin/cat\nstartsecs=0")
        .program("50%", "command=/bin/cat\nstartsecs=0\nautostart=false\nstdout_logfile=NONE\nstderr_logfile=NONE")
        .program("a-b.c", "command=/bin/cat\nstartsecs=0\nprocess_name=日本")
        .program("a_name_that_is_longer_than_the_column_of_names", "command=/bin/cat\nstartsecs=0");
    let supervisord = start(&config);
    Comparison::new(&supervisord).stories(
        "status
        status café 50%
        status a-b.c:*
        status a-b.c:日本 a-b.c:nö
        avail
        pid 50%
        pid café50%
        start 50% ; status 50% ; stop 50%
        stop café a-b.c:* ; start café a-b.c:日本
        restart a-b.c:*
        signal CONT café
        signal CÖNT café
        clear café 50%
        tail café
        tail a-b.c:日本
        tail -f nö
        tail café stdöut
        fg 50%
        remove café
        add café
        update nö
        käse
        help käse",
    );
}
