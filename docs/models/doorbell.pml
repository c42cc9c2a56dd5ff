/* The doorbell: who sleeps, who rings, and that no committed event waits for the slow read. See README.md.

   The slow read is left out on purpose: whatever holds here holds without it. */

#ifndef DAEMONS
#define DAEMONS 2
#endif
#ifndef WRITERS
#define WRITERS 3
#endif

#define ALL ((1 << WRITERS) - 1)

/* The server: what is committed, and the locks on the bell. SHARE and ROW EXCLUSIVE exclude each other, each is shared
   among its own kind. `queued` is a request for SHARE that waits: it is granted before writers that come after it. */
byte visible;
byte sharing, writing, queued;

/* One daemon: its two sessions, the coalescing wake-up in its memory, and what it has read. */
bool alive[DAEMONS], listening[DAEMONS], holding[DAEMONS], lost[DAEMONS], rung[DAEMONS];
byte seen[DAEMONS];

/* So often the world may be unkind. */
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
byte losses = LOSSES, deaths = DEATHS;

bool begun[WRITERS], done[WRITERS];

#define read(d) seen[d] = seen[d] | visible

inline ring_everybody() {
    rung[0] = rung[0] || listening[0];
    rung[DAEMONS - 1] = rung[DAEMONS - 1] || listening[DAEMONS - 1]
}

inline release(d) {
    if
    :: holding[d] -> holding[d] = false; sharing--
    :: else
    fi
}

/* A transaction of an orchestrator: an event, a try of the lock, and some time later the commit. The first writer may
   stay open for ever. */
proctype Writer(byte me) {
    bool rings;
    begun[me] = true;
#ifdef BROKEN_WRITER_WAITS
    atomic { sharing == 0 && queued == 0 -> writing++ };
#else
    atomic {
        if
        :: sharing == 0 && queued == 0 -> writing++
        :: else -> rings = true
        fi
    };
#endif
#ifdef BROKEN_RING_BEFORE_COMMIT
    atomic {
        if
        :: rings -> ring_everybody()
        :: else
        fi
    };
#endif
    if
    :: me == 0 ->
        if
        :: true
        :: true -> goto stays_open
        fi
    :: else
    fi;
    /* The order of a commit: visible first, then its locks are released, then notifications are delivered. */
    visible = visible | (1 << me);
    atomic {
        if
        :: !rings -> writing--
        :: else
        fi
    };
#ifndef BROKEN_RING_BEFORE_COMMIT
    atomic {
        if
        :: rings -> ring_everybody()
        :: else
        fi
    };
#endif
    done[me] = true;
    goto ended;
stays_open:
end_open:
    false;
ended:
    skip
}

/* A daemon: one term after another, each begun by LISTEN, then reading, sleeping, being rung. */
proctype Daemon(byte me) {
new_term:
#ifndef BROKEN_LISTEN_LAST
    listening[me] = true;
#endif
awake:
    atomic {
        if
        :: lost[me] -> goto term_over
        :: !alive[me] -> goto dead
        :: else -> read(me)
        fi
    };
#ifdef BROKEN_QUEUED_IS_ASLEEP
    queued++;
end_queued:
    if
    :: atomic { writing == 0 -> queued--; sharing++; holding[me] = true }
    :: atomic { lost[me] -> queued--; goto term_over }
    :: atomic { !alive[me] -> queued--; goto dead }
    fi;
#else
    /* Refused it reads again: the next turn of this loop. */
    atomic {
        if
        :: writing == 0 -> sharing++; holding[me] = true
        :: else -> goto awake
        fi
    };
#endif
#ifndef BROKEN_NO_READ_AFTER_LOCK
    read(me);
#endif
#ifdef BROKEN_LISTEN_LAST
    listening[me] = true;
#endif
sleeping:
end_asleep:
    if
    :: rung[me] ->
#ifdef BROKEN_FORGETS_LATE
        read(me);
        rung[me] = false;
#else
        rung[me] = false;
        read(me);
#endif
        if
        :: true -> goto sleeping
        :: true -> atomic { release(me) }; goto awake
        fi
#ifndef BROKEN_LOSS_IGNORED
    :: lost[me] -> goto term_over
#endif
    :: !alive[me] -> goto dead
    fi;
term_over:
    /* Everything is thrown away: both sessions, and what they held. */
    atomic { release(me); listening[me] = false; rung[me] = false; lost[me] = false };
    goto new_term;
dead:
    atomic { release(me); listening[me] = false }
}

/* One of the two sessions is cut at the server, and the daemon learns of it some time later; or a daemon dies. */
proctype World() {
end_unkind:
    do
#ifdef LIVENESS
    /* Somebody can always move: spin counts turns for its fairness, and none are taken where everybody waits. */
    :: true -> true
#endif
    :: atomic { losses > 0 -> losses--; release(0); lost[0] = true }
    :: atomic { losses > 0 -> losses--; listening[0] = false; lost[0] = true }
    :: atomic { deaths > 0 -> deaths--; alive[DAEMONS - 1] = false; release(DAEMONS - 1); listening[DAEMONS - 1] = false }
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
        do
        :: i < WRITERS -> run Writer(i); i++
        :: else -> break
        od;
        i = 0;
        run World()
    }
}

#define UP_TO_DATE(d) (!alive[d] || seen[d] == visible)

/* Every committed event is read, by each daemon that lives, whatever ring came when. */
ltl read { []<> (UP_TO_DATE(0) && UP_TO_DATE(DAEMONS - 1)) }

/* A writer that wants to end, ends: nothing of ours is waited for. */
ltl writers { [] (begun[1] -> <> done[1]) && [] (begun[WRITERS - 1] -> <> done[WRITERS - 1]) }
