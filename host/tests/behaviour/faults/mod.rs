//! Faults of the system under the real supervisord, and those who stop: what fails is named, nothing that was
//! acknowledged is lost, no descriptor leaks, and a program that crashes is started again no more than 50 ms later than
//! without the fault.
//!
//! [`injection`] makes calls of libc fail or hang, or sets the clock, in supervisord alone; [`lateness`] measures.
//! Where the system itself can be had to fail without a privilege, it does: by `prlimit`, `ulimit`, FIFOs, `/dev/full`.
//!
//! | Fault | Where | Test |
//! |---|---|---|
//! | ENOSPC, EIO | stdout and stderr logs | [`disk_errors`]: `what_a_program_says_…`; in truth: `output::disk` |
//! | | activity log | `an_activity_log_that_cannot_be_written_…` |
//! | | pid file | `a_pid_file_that_cannot_be_written_…` |
//! | | rotation, with EMFILE and ENFILE | `a_rotation_that_fails_…` |
//! | | store of the cache: write, sync, truncate | `what_the_cache_has_acknowledged_…` |
//! | | log at `/dev/full` over an upgrade | `upgrade::events_and_output::a_full_disk_is_no_reason_to_stay` |
//! | | directory of included files (EIO) | [`descriptors`]: `a_directory_of_included_files_…` |
//! | | stdout of supervisorctl | `closed_pipes` |
//! | EMFILE, ENFILE | all at once, in truth | `where_clients_have_taken_all_…`, `scale::what_runs_…` |
//! | | pipes of a spawn | `a_program_for_whose_pipes_…` |
//! | | log that is opened | `a_log_that_cannot_be_opened_…` |
//! | | accept | `clients_that_cannot_be_accepted_…` |
//! | | tail, `/logtail`, `/metrics`, `env_file`, config | `what_a_client_asks_for_…` |
//! | | directory of included files | `a_directory_of_included_files_…` |
//! | | each call of an upgrade | `an_upgrade_in_which_one_thing_…`; `upgrade::places::with_few_descriptors_…` |
//! | | what comes and goes | `those_that_have_come_and_gone_…` |
//! | EAGAIN, ENOMEM | clone of a program | [`processes`]: `a_program_for_which_there_is_no_process_…` |
//! | | its output, which is watched (ENOSPC, too) | `a_program_whose_output_cannot_be_watched_…` |
//! | | its stack | `a_program_for_which_there_is_no_memory_…` |
//! | | thread that looks up a command | `a_program_for_whose_lookup_…` |
//! | | threads of the server | `without_threads_clients_hear_so_…` |
//! | | threads of probes | `a_probe_for_which_there_is_no_thread_…` |
//! | | thread of the cache | `a_cache_that_finds_no_thread_…` |
//! | | upgrade | `an_upgrade_for_which_there_is_no_process_…` |
//! | | daemon's fork | `a_daemon_that_cannot_fork_says_so` |
//! | All of them | one call after the other | [`one_at_a_time`] |
//! | Disk that hangs | log: write, rename, open | [`hanging_disk`]: `a_log_that_takes_nothing_…` |
//! | | activity log | `an_activity_log_that_takes_nothing_…` |
//! | | store of the cache: write, sync | `a_cache_whose_file_is_not_kept_…` |
//! | | log that is read | `who_reads_a_log_…`; `http_server`: `a_disk_that_does_not_answer_…` |
//! | | whole file system, where one may be mounted | `output::stall` |
//! | | command of a program, socket | the library's own tests of its lookups |
//! | | FIFO that nobody reads | `rules::while_nobody_reads_the_logs` |
//! | | the same over an upgrade | `upgrade::events_and_output::a_log_that_takes_nothing_…` |
//! | Clock | forward and back | [`clock`] |
//! | SIGSTOP | every child | [`stopped`]: `programs_that_stand_still_…` |
//! | | listener | `a_listener_that_stands_still_…` |
//! | | engine of the cache | `cache_engine::an_engine_that_hangs_…` |
//! | | program with a probe | `health::nginx_is_ready_and_well`, `health::redis_is_ready_and_well` |
//! | kill -9 | supervisord: pid file, socket, orphans | `nothing_lost::what_a_killed_supervisord_has_left_…` |
//! | | supervisord with a store | `what_the_cache_has_acknowledged_…`, `cache::a_file_keeps_it_over_…` |
//! | Who stops reading | log reader, client, plugin | `readers_clients_and_a_plugin_…`; `rules::while_clients_dawdle` |
//! | | listener | `event_listeners::protocol::a_listener_that_does_not_play_along_…` |
//! | | client that follows events | `http_server`: `a_client_that_does_not_read_misses_events_…` |
//! | | plugin: calls, events, futures | `rules`, `unruly` |

mod injection;
mod lateness;

mod clock;
mod descriptors;
mod disk_errors;
mod hanging_disk;
mod one_at_a_time;
mod processes;
mod stopped;
