/* How replicas share the leases: quotas, surplus given up, hand-over, a death, a standby promoted. See README.md.

   The slow timer is left out on purpose: rings and the watcher alone must bring the leases to where they belong. */

#ifndef SENSORS
#define SENSORS 3
#endif
#define DAEMONS 3
#define NOBODY 255
#define bit(s) (1 << (s))
#define HOLDER_GONE(s) (owner[s] == NOBODY || !registered[owner[s]])

mtype = { waits, shares, leaves };

/* The tables: who holds each sensor, who is known as live and as what. */
byte owner[SENSORS];
bool registered[DAEMONS];
mtype role[DAEMONS];

/* The processes: who lives, who was rung, and the sensors that each believes to hold. */
bool alive[DAEMONS], told[DAEMONS], connected[DAEMONS];
byte held[DAEMONS];

/* What the world asks for: one daemon ends by itself or dies, a standby is promoted. */
bool asked_to_leave[DAEMONS], promoted;

/* The session lock of a dead process is free: one of the others watches it. */
bool unnoticed;

inline ring_leases() {
    told[0] = told[0] || connected[0];
    told[1] = told[1] || connected[1];
    told[2] = told[2] || connected[2]
}

/* The same decision as core/leases.py: all shares differ by one at most, and add up. */
inline set_room() {
    others = 0; rank = 0; count = 0; n = 0;
    do
    :: n < DAEMONS ->
        if
        :: n != me && registered[n] && role[n] == shares && !(gone & bit(n)) ->
            others++;
            rank = rank + (n < me)
        :: else
        fi;
        n++
    :: else -> break
    od;
    n = 0;
    do
    :: n < SENSORS -> count = count + ((held[me] >> n) & 1); n++
    :: else -> break
    od;
    n = 0;
#ifdef BROKEN_NO_REST
    room = SENSORS / (others + 1) - count;
#else
    room = SENSORS / (others + 1) + (rank < (SENSORS % (others + 1))) - count;
#endif
    if
    :: role[me] != shares -> room = 0
    :: else
    fi;
    others = 0; rank = 0; count = 0
}

/* Believes to hold only what it holds. */
inline drop_lost() {
    do
    :: n < SENSORS ->
        if
        :: owner[n] != me -> held[me] = held[me] & ~bit(n)
        :: else
        fi;
        n++
    :: else -> break
    od;
    n = 0
}

inline take() {
    do
    :: n < SENSORS ->
        if
        :: room > 0 && (HOLDER_GONE(n) || (gone & bit(owner[n]))) ->
            owner[n] = me;
            held[me] = held[me] | bit(n);
            /* Whoever held it before has let go of it, or is dead. */
            assert(!(alive[0] && me != 0 && (held[0] & bit(n))));
            assert(!(alive[1] && me != 1 && (held[1] & bit(n))));
            assert(!(alive[2] && me != 2 && (held[2] & bit(n))));
            room--
        :: else
        fi;
        n++
    :: else -> break
    od;
    n = 0
}

/* Let go of one sensor that it holds: in memory first, then in the table, and ring. */
inline give_up_one() {
    atomic {
        if
        :: held[me] & 1 -> given = 0
        :: held[me] & 2 -> given = 1
        :: held[me] & 4 -> given = 2
        fi;
#ifndef BROKEN_RELEASED_WHILE_HELD
        held[me] = held[me] & ~bit(given)
#endif
    };
    atomic {
        if
        :: owner[given] == me ->
            owner[given] = NOBODY;
#ifndef BROKEN_RELEASED_SILENTLY
            ring_leases()
#endif
        :: else
        fi
    };
#ifdef BROKEN_RELEASED_WHILE_HELD
    held[me] = held[me] & ~bit(given);
#endif
    given = 0
}

proctype Daemon(byte me) {
    byte n, others, rank, count, given, gone;
    short room;
    atomic { connected[me] = true; registered[me] = true; ring_leases() };
turn:
end_turn:
    atomic {
        if
        :: !alive[me] -> goto dead
        :: alive[me] && asked_to_leave[me] -> goto leave
        :: alive[me] && !asked_to_leave[me] && told[me] -> told[me] = false
        fi
    };
    /* Told by its supervisor: a standby becomes active. */
    atomic {
        if
        :: me == 2 && promoted && role[me] == waits ->
            role[me] = shares;
#ifndef BROKEN_PROMOTED_SILENTLY
            ring_leases()
#endif
        :: else
        fi
    };
    /* The beat: one statement sees peers and leases; acted on by later ones. */
    d_step {
        gone = 0;
        if
        :: registered[1] && !alive[1] -> gone = bit(1)
        :: else
        fi;
        drop_lost();
        set_room()
    };
    if
    :: room > 0 -> d_step { take(); room = 0 }
    :: else
    fi;
#ifndef BROKEN_KEEPS_SURPLUS
    do
    :: room < 0 && held[me] != 0 -> give_up_one(); room++
    :: else -> break
    od;
#endif
    room = 0;
    /* The others share anew without the dead one. */
    atomic {
        if
        :: gone && registered[1] ->
            registered[1] = false;
#ifndef BROKEN_FORGOTTEN_SILENTLY
            ring_leases()
#endif
        :: else
        fi;
        gone = 0
    };
    goto turn;
leave:
    atomic { role[me] = leaves; ring_leases() };
    do
    :: alive[me] && held[me] != 0 -> give_up_one()
    :: !alive[me] -> goto dead
    :: alive[me] && held[me] == 0 -> break
    od;
    atomic { registered[me] = false; connected[me] = false; alive[me] = false; ring_leases() };
dead:
    connected[me] = false
}

proctype World() {
    bool ended;
end_world:
    do
    :: atomic { !ended -> ended = true; asked_to_leave[1] = true }
    :: atomic { !ended -> ended = true; alive[1] = false; unnoticed = registered[1] }
    :: atomic { unnoticed -> unnoticed = false; told[0] = true }
    :: atomic { unnoticed -> unnoticed = false; told[2] = true }
    :: atomic { !promoted -> promoted = true; told[2] = true }
    od
}

init {
    atomic {
        owner[0] = NOBODY; owner[1] = NOBODY; owner[2] = NOBODY;
        alive[0] = true; alive[1] = true; alive[2] = true;
        role[0] = shares; role[1] = shares; role[2] = waits;
        run Daemon(0); run Daemon(1); run Daemon(2); run World()
    }
}

#define holds(d, s) (owner[s] == d && (held[d] & bit(s)))
#define well_held(s) (holds(0, s) || (alive[1] && holds(1, s)) || holds(2, s))
#define number(d) ((held[d] & 1) + ((held[d] >> 1) & 1) + ((held[d] >> 2) & 1))
#define near(a, b) (number(a) <= number(b) + 1 && number(b) <= number(a) + 1)
#define even ((near(0, 1) || !alive[1]) && (near(0, 2) || role[2] != shares) && (near(1, 2) || !alive[1] || role[2] != shares))

/* In the end each sensor is held by a live daemon that knows it. */
ltl held_by_the_living { <> [] (well_held(0) && well_held(1) && well_held(2)) }

/* In the end the shares of the active ones differ by one at most. */
ltl shared_evenly { <> [] (even) }

/* A standby holds nothing; who has left holds nothing. */
ltl standby_holds_nothing { [] (role[2] != waits || held[2] == 0) }
