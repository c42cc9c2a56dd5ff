/* One sensor's lease: take-overs, settlements that are fenced, and outcomes that nobody knows. See README.md. */

#ifndef DAEMONS
#define DAEMONS 2
#endif
#ifndef FREEZES
#define FREEZES 1
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#define EVENTS 2
#define ALL 3
#define NOBODY 255
#define bit(e) (1 << (e))

/* The sensor's row, its rows in `evaluations` (a bit an event), and who has locked the row. */
byte holder = NOBODY, epoch, place, rows;
bool locked;

/* What has taken effect: how often each event was settled. */
byte effects[EVENTS];

/* A daemon as its peers can see it: does it beat, is its session lock held. */
bool alive[DAEMONS], frozen[DAEMONS], session[DAEMONS];

/* What a daemon believes. `call` tells a statement's answer from one that belongs to a lost connection. */
bool mine[DAEMONS];
byte my_epoch[DAEMONS], my_place[DAEMONS], my_rows[DAEMONS], call[DAEMONS];

mtype = { waiting, took_effect, refused };
mtype answer[DAEMONS] = waiting;

byte freezes = FREEZES, losses = LOSSES, deaths = DAEMONS - 1;

/* Taken for dead: its session lock is free, or its beat stands still. A live one may look so, too. */
#define looks_dead(d) (!alive[d] || !session[d] || frozen[d])

#define takeable (holder == NOBODY || holder == me || looks_dead(holder))

/* A settlement at the server: one statement, which runs on whatever becomes of who sent it. */
proctype Settle(byte from_daemon, number, e, from, to, done_here, running_here, finished) {
#ifdef BROKEN_FENCE_ONLY_READS
    if
    :: atomic { epoch == e && place == from && (rows & finished) == finished -> skip }
    :: atomic { else -> goto nothing }
    fi;
    atomic { !locked -> locked = true };
#else
    atomic {
        if
#ifdef BROKEN_NO_EPOCH
        :: !locked && place == from && (rows & finished) == finished -> locked = true
#else
#ifdef BROKEN_NO_PLACE
        :: !locked && epoch == e -> locked = true
#else
        :: !locked && epoch == e && place == from && (rows & finished) == finished -> locked = true
#endif
#endif
        /* Locked by somebody: skipped, not waited for. */
        :: else -> goto nothing
        fi
    };
#endif
    if
    :: true -> true
    /* Its backend is ended before it commits. */
    :: atomic { losses > 0 -> losses--; locked = false; goto nothing }
    fi;
    atomic {
        assert(epoch == e);
        place = to;
        rows = (rows | running_here) & ~finished;
        effects[0] = effects[0] + ((done_here | finished) & 1);
        effects[1] = effects[1] + (((done_here | finished) >> 1) & 1);
        assert(effects[0] <= 1 && effects[1] <= 1);
        locked = false;
        if
        :: call[from_daemon] == number -> answer[from_daemon] = took_effect
        :: else
        fi
    };
    goto ended;
nothing:
    atomic {
        if
        :: call[from_daemon] == number -> answer[from_daemon] = refused
        :: else
        fi
    };
ended:
    skip
}

#define ask(to, done_here, running_here, finished) \
    answer[me] = waiting; sent_to = to; sent_running = running_here; sent_finished = finished; \
    run Settle(me, call[me], my_epoch[me], my_place[me], to, done_here, running_here, finished)

#define awake (!frozen[me])

/* More than are ever there at once while the rules hold. */
#define PROCESSES 16

proctype Daemon(byte me) {
    byte sent_to, sent_running, sent_finished, snapshot;
    bool peer_died;
new_term:
    atomic {
        awake ->
        if
        :: !alive[me] -> goto dead
        :: else -> session[me] = true
        fi
    };
look:
    atomic {
        awake ->
        if
        :: !alive[me] -> goto dead
        :: !session[me] -> goto term_over
        :: else
        fi;
        /* What the slow timer saw; acted on later. */
        peer_died = (holder != NOBODY && holder != me && looks_dead(holder));
        if
        :: holder == NOBODY || holder == me || peer_died
        :: else -> peer_died = false; goto look_again
        fi
    };
    /* take_leases: an UPDATE that waits for who has locked the row. */
    snapshot = rows;
    atomic {
        awake && !locked ->
        if
        :: holder == NOBODY || holder == me || peer_died ->
            holder = me;
            epoch++;
            my_epoch[me] = epoch;
            peer_died = false
        :: else -> peer_died = false; snapshot = 0; goto look_again
        fi
    };
    /* read_sensors: in a statement of its own, begun after the taking has committed; then evaluations, in another. */
read_again:
    atomic {
        awake ->
#ifndef BROKEN_NO_RAISE
        if
        :: holder == me && my_epoch[me] == epoch
        :: else -> snapshot = 0; goto look_again
        fi;
#endif
        my_place[me] = place
    };
    atomic {
        awake ->
#ifdef BROKEN_ONE_STATEMENT
        my_rows[me] = snapshot;
#else
        my_rows[me] = rows;
#endif
        snapshot = 0;
        mine[me] = true
    };
settling:
    /* Whatever finishes first: a row, the event at the place, or the one behind it, which overtakes it.
       Statements that have ended but whose processes spin still counts are waited for, or there would be ever more. */
    atomic {
        awake && _nr_pr < PROCESSES ->
        if
        :: !alive[me] -> goto dead
        :: alive[me] && !session[me] -> goto term_over
        :: alive[me] && session[me] ->
            if
            :: my_rows[me] & 1 -> ask(my_place[me], 0, 0, 1)
            :: my_rows[me] & 2 -> ask(my_place[me], 0, 0, 2)
            :: my_place[me] == 0 -> ask(1, 1, 0, 0)
            :: my_place[me] == 0 -> ask(2, 2, 1, 0)
            :: my_place[me] == 1 -> ask(2, 2, 0, 0)
            :: my_place[me] == 2 && my_rows[me] == 0 -> goto idle
            fi
        fi
    };
    atomic {
        if
        :: awake && !alive[me] -> goto dead
        :: awake && alive[me] && !session[me] -> goto term_over
        :: awake && alive[me] && session[me] && answer[me] == took_effect ->
            my_place[me] = sent_to;
            my_rows[me] = (my_rows[me] | sent_running) & ~sent_finished
        :: awake && alive[me] && session[me] && answer[me] == refused ->
            /* Is it still ours? Then it was locked, and is tried again. */
            if
            :: holder == me && epoch == my_epoch[me]
            :: else -> mine[me] = false; goto look_again
            fi
        fi;
        answer[me] = waiting
    };
    goto settling;
idle:
end_idle:
    atomic {
        if
        :: awake && !alive[me] -> goto dead
        :: awake && alive[me] && !session[me] -> goto term_over
        :: awake && alive[me] && (holder != me || epoch != my_epoch[me]) -> mine[me] = false
        fi
    };
look_again:
end_looking:
    atomic {
        if
        :: awake && !alive[me] -> goto dead
        :: awake && alive[me] && !session[me] -> goto term_over
        :: awake && alive[me] && session[me] && takeable -> goto look
        fi
    };
term_over:
    /* A lost connection: whether the statement that was sent takes effect is not known. */
    atomic {
        mine[me] = false;
        call[me]++;
        answer[me] = waiting;
        my_rows[me] = 0
    };
#ifdef BROKEN_NO_RAISE
    atomic {
        if
        :: holder == me && my_epoch[me] == epoch -> session[me] = true; goto read_again
        :: else
        fi
    };
#endif
    goto new_term;
dead:
    atomic { mine[me] = false; call[me]++ }
}

/* Connections are cut, daemons freeze and wake late, daemons die; the first one stays alive. */
proctype World() {
end_unkind:
    do
    :: atomic { losses > 0 && session[0] && mine[0] -> losses--; session[0] = false }
    :: atomic { losses > 0 && session[1] && mine[1] -> losses--; session[1] = false }
    :: atomic { freezes > 0 && mine[0] -> freezes--; frozen[0] = true }
    :: atomic { freezes > 0 && mine[1] -> freezes--; frozen[1] = true }
    :: atomic { deaths > 0 && alive[DAEMONS - 1] -> deaths--; alive[DAEMONS - 1] = false; session[DAEMONS - 1] = false }
    od
}

/* Who is frozen wakes some time. */
proctype Thaw() {
end_thaw:
    do
    :: frozen[0] -> frozen[0] = false
    :: frozen[1] -> frozen[1] = false
#ifdef LIVENESS
    /* Somebody can always move: spin counts turns for its fairness, and none are taken where everybody waits. */
    :: !frozen[0] && !frozen[1] -> skip
#endif
    od
}

init {
    byte i;
    atomic {
        do
        :: i < DAEMONS -> alive[i] = true; run Daemon(i); i++
        :: else -> break
        od;
        i = 0;
        run World();
        run Thaw()
    }
}

/* Every event is settled in the end. */
ltl settled { <> (effects[0] == 1 && effects[1] == 1) }

/* No two daemons believe that they hold the current epoch. */
ltl one_holder { [] !(mine[0] && mine[1] && my_epoch[0] == epoch && my_epoch[1] == epoch) }
