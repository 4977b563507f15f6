%%% mod_muc_invite_relay: hands the invitations of a host's MUC rooms over to muc-invite-relay, which
%%% sends them on in the inviter's own name. For ejabberd 23.01 and later.
%%%
%%%   mod_muc_invite_relay:
%%%     component: invites.example.org   # the relay, an external component of this ejabberd
%%%     timeout: 5                       # seconds the relay has for its answer
%%%     access: all                      # the rooms whose invitations are handed over, by their JIDs
%%%
%%% To install it, as the user that ejabberd runs as, in the directory of this file:
%%%
%%%   to=~/.ejabberd-modules/sources/mod_muc_invite_relay
%%%   install -D -m 644 -t $to mod_muc_invite_relay.spec
%%%   install -D -m 644 -t $to/src mod_muc_invite_relay.erl
%%%   install -D -m 644 -t $to/conf mod_muc_invite_relay.yml   # set `component` in it, or in ejabberd.yml
%%%   ejabberdctl module_install mod_muc_invite_relay
%%%
%%% The room checks and completes an invitation. Then this module sends it to the relay in an IQ, and a
%%% process of its own keeps it. If the answer is a result, the relay has it for good. The room's own
%%% invitation is delivered, as if this module were not there, if the answer is an error or does not come
%%% in time, if there is no connection, or if this module or the server stops. So none is lost. The room
%%% never waits.
%%%
%%% The module remembers what became of each invitation. The relay asks for that before it delivers one
%%% whose answer may have been lost with its connection. So none arrives twice.
%%%
%%% An invitation that the relay has sent to another server can come back, and the error goes to the inviter's account,
%%% where nobody sees it. This module tells the relay of those errors, so that it can tell the inviter.
%%%
%%% Of several connections of the relay on one node the newest stays, and the others are ended. Other nodes of a cluster may
%%% have one each.
%%%
%%% Never handed over are:
%%% * invitations by users of another server or of a component (the relay can't send in their name);
%%% * invitations for an address on the relay (it gets them as they are).
-module(mod_muc_invite_relay).

-behaviour(gen_mod).
-behaviour(supervisor).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([muc_invite/7, filter_packet/1, component_connected/1, replace_older/1]).
-export([init/1, start_keeper/1, keep/1]).
-export([start_memory/0, memory/0, rest/0, fate/2]).

-include("logger.hrl").
-include("xmpp.hrl").
-include("ejabberd_router.hrl").
-include("mod_muc_room.hrl").

-define(NS_HANDOVER, <<"urn:x-muc-invite-relay:0">>).
%% From 24.12 on, mod_privilege drops IQs of a component, also answers, to a host without a resource.
-define(RESOURCE, <<"muc-invite-relay">>).

%% What this module can do, for `muc-invite-relay check`: 2 tells of errors.
-define(VERSION, <<"2">>).

%% Larger rooms are not asked who is a member: the answer would be a copy of all that they have in memory.
-define(MAX_ROOM_BYTES, 2097152).

-define(NOT_CONNECTED, "the relay is not connected").

%% How many hand-overs are remembered: the newest.
-define(REMEMBERED, 10000).

%% How many errors are kept until the relay has answered: the newest.
-define(REMEMBERED_ERRORS, 1000).

%% Milliseconds that older connections have to end by themselves. The relay waits longer for its handshake to be answered.
-define(END_TIMEOUT, 3000).

-record(invitation, {message :: message(),
                     host :: binary(),
                     component :: binary(),
                     inviter :: jid(),
                     made_member :: boolean(),
                     timeout :: pos_integer()}).

%% What became of a hand-over. `whose`: inviter, contact and room.
-record(handed_over, {id :: binary(),
                      fate :: waiting | taken | passed | delivered,
                      whose :: whose(),
                      component :: binary()}).
-type whose() :: {jid:ljid(), jid:ljid(), jid:ljid()}.

%%%===================================================================
%%% The module
%%%===================================================================
start(Host, Opts) ->
    %% One for all hosts, and not stopped with them: the relay may ask for what it remembers after a restart of the module.
    _ = supervisor:start_child(ejabberd_gen_mod_sup, #{id => ?MODULE, start => {?MODULE, start_memory, []}}),
    note_connections(Opts),
    Keepers = gen_mod:get_module_proc(Host, ?MODULE),
    Spec = #{id => Keepers, type => supervisor, start => {supervisor, start_link, [{local, Keepers}, ?MODULE, []]}},
    case supervisor:start_child(ejabberd_gen_mod_sup, Spec) of
        {ok, _} ->
            ejabberd_hooks:add(filter_packet, ?MODULE, filter_packet, 100),
            ejabberd_hooks:add(component_connected, ?MODULE, replace_older, 40), % mod_privilege and mod_delegation have 50
            ejabberd_hooks:add(component_connected, ?MODULE, component_connected, 100),
            ejabberd_hooks:add(muc_invite, Host, ?MODULE, muc_invite, 100);
        Error ->
            Error
    end.

%% Returns when every invitation that was still kept has been delivered.
stop(Host) ->
    ejabberd_hooks:delete(muc_invite, Host, ?MODULE, muc_invite, 100),
    gen_mod:is_loaded_elsewhere(Host, ?MODULE) orelse
        begin
            ejabberd_hooks:delete(component_connected, ?MODULE, replace_older, 40),
            ejabberd_hooks:delete(component_connected, ?MODULE, component_connected, 100),
            ejabberd_hooks:delete(filter_packet, ?MODULE, filter_packet, 100)
        end,
    gen_mod:stop_child(?MODULE, Host).

reload(_Host, NewOpts, _OldOpts) ->
    note_connections(NewOpts).

%% This module stops before mod_offline, which stores what is delivered at that moment.
depends(_Host, _Opts) ->
    [{mod_muc, hard}, {mod_offline, soft}].

mod_opt_type(component) -> econf:domain();
mod_opt_type(timeout) -> econf:timeout(second);
mod_opt_type(access) -> econf:acl().

mod_options(_Host) ->
    [component, {timeout, timer:seconds(5)}, {access, all}].

mod_doc() ->
    #{desc => <<"Hands mediated MUC invitations over to muc-invite-relay and delivers them itself "
                "whenever the relay does not take them.">>,
      opts => [{component, #{value => "Domain",
                             desc => <<"The domain of the relay. Required.">>}},
               {timeout, #{value => "timeout()",
                           desc => <<"How long the relay has for its answer. Default: 5 seconds.">>}},
               {access, #{value => "AccessName",
                          desc => <<"The rooms whose invitations are handed over. Default: all.">>}}]}.

%%%===================================================================
%%% In the room's process
%%%===================================================================
%% This hook knows who invites, but what it returns is always sent: it marks the invitation, and the hook
%% below takes it away.
muc_invite(#message{from = Room, to = Contact} = Written, _Room, Config, Inviter, _Contact, _Reason, Packet) ->
    %% The room leaves out in which language the inviter's client is, and the relay answers in it.
    Message = Written#message{lang = xmpp:get_lang(Packet)},
    Host = ejabberd_router:host_of_route(Room#jid.lserver),
    #{component := Component, timeout := Timeout, access := Access} = gen_mod:get_module_opts(Host, ?MODULE),
    IsForTheRelay = ejabberd_router:is_my_host(Inviter#jid.lserver)
        andalso Contact#jid.lserver /= Component
        andalso acl:match_rule(Host, Access, Room) == allow,
    case IsForTheRelay andalso {connected, ejabberd_router:is_my_route(Component)} of
        false ->
            Message;
        {connected, false} ->
            log_delivery(Message, ?NOT_CONNECTED),
            Message;
        {connected, true} ->
            Invitation = #invitation{message = Message, host = Host,
                                     component = Component, inviter = Inviter, timeout = Timeout,
                                     made_member = Config#config.members_only andalso had_none(Contact, Packet)},
            xmpp:put_meta(Message, ?MODULE, Invitation)
    end;
muc_invite(Dropped, _Room, _Config, _Inviter, _Contact, _Reason, _Packet) ->
    Dropped.

filter_packet(#message{meta = #{?MODULE := #invitation{host = Host} = Invitation}}) ->
    {ok, _} = supervisor:start_child(gen_mod:get_module_proc(Host, ?MODULE), [Invitation]),
    {stop, drop};
%% Messages that the relay sends in an inviter's name come this way, like those that inviters send themselves.
filter_packet(#message{type = Type} = Message) when Type /= error ->
    note_passed(Message),
    note_who_has_none(Message);
filter_packet(#message{type = error, from = #jid{lserver = Elsewhere},
                       to = #jid{luser = User, lserver = Host, lresource = <<>>}} = Error) when User /= <<>> ->
    ejabberd_router:is_my_route(Elsewhere) orelse
        not ejabberd_router:is_my_host(Host) orelse
        not is_id_of_a_relay(Error#message.id) orelse
        came_back(Error),
    Error;
%% A hand-over on its way to the relay, in the process of its keeper, which can't learn the id in another way.
filter_packet(#iq{type = set, id = Id, meta = #{?MODULE := {Whose, Component}}} = Handover) ->
    ets:insert(?MODULE, #handed_over{id = Id, fate = waiting, whose = Whose, component = Component}),
    put(?MODULE, Id),
    Handover;
%% In the process of the relay's connection: the answer is known before what follows on that connection.
filter_packet(#iq{type = result, id = Id, from = #jid{luser = <<>>, lserver = Component},
                  to = #jid{luser = <<>>, lresource = ?RESOURCE}} = Answer) ->
    _ = decide(Id, Component, taken),
    relay_knows(Id, Component),
    Answer;
%% `muc-invite-relay check` asks whether this module is there for it, and what time it is here. The relay asks what
%% became of a hand-over.
filter_packet(#iq{type = get, from = #jid{luser = <<>>, lserver = Asker}, sub_els = [#xmlel{name = Name} = Asked],
                  to = #jid{luser = <<>>, lserver = Service, lresource = ?RESOURCE}} = Question)
  when Name == <<"handover">>; Name == <<"handed-over">> ->
    Host = ejabberd_router:is_my_route(Service) andalso ejabberd_router:host_of_route(Service),
    case Host /= false andalso gen_mod:is_loaded(Host, ?MODULE) andalso gen_mod:get_module_opts(Host, ?MODULE) of
        #{component := Asker} when Name == <<"handed-over">> ->
            answer_fate(Question, fxml:get_tag_attr_s(<<"id">>, Asked), Asker),
            {stop, drop};
        #{component := Asker, timeout := Timeout} ->
            ejabberd_router:route(xmpp:make_iq_result(Question, about(Timeout))),
            {stop, drop};
        _ ->
            Question
    end;
filter_packet(Packet) ->
    Packet.

%% On the way to the room, which makes contacts members after it has invited them: only now it can tell who had no
%% affiliation. The relay takes a membership back if the invitation does not reach the contact.
-spec note_who_has_none(message()) -> message().
note_who_has_none(#message{from = #jid{lserver = Host}, to = #jid{luser = Room, lserver = Service}} = Message)
  when Room /= <<>> ->
    case xmpp:get_subtag(Message, #muc_user{}) of
        #muc_user{invites = [_ | _] = Invites} ->
            Contacts = [Contact || #muc_invite{to = #jid{} = Contact} <- Invites],
            Asked = ejabberd_router:is_my_host(Host)
                andalso ejabberd_router:is_my_route(Service)
                andalso gen_mod:is_loaded(ejabberd_router:host_of_route(Service), ?MODULE),
            None = case Asked andalso mod_muc:find_online_room(Room, Service) of
                       {ok, Pid} -> without_affiliation(Contacts, Pid);
                       _ -> []
                   end,
            xmpp:put_meta(Message, ?MODULE, {had_none, None});
        _ ->
            Message
    end;
note_who_has_none(Message) ->
    Message.

-spec without_affiliation([jid()], pid()) -> [jid:ljid()].
without_affiliation(Contacts, Room) ->
    try {memory, Bytes} = process_info(Room, memory), true = Bytes =< ?MAX_ROOM_BYTES, mod_muc_room:get_state(Room) of
        {ok, State} -> [bare(Contact) || Contact <- Contacts, mod_muc_room:get_affiliation(Contact, State) == none];
        {error, _} -> []
    catch error:_ -> []
    end.

-spec had_none(jid(), message()) -> boolean().
had_none(Contact, #message{meta = #{?MODULE := {had_none, None}}}) ->
    lists:member(bare(Contact), None);
had_none(_, _) ->
    false.

-spec bare(jid()) -> jid:ljid().
bare(Jid) ->
    jid:tolower(jid:remove_resource(Jid)).

-spec about(pos_integer()) -> xmlel().
about(Timeout) ->
    #xmlel{name = <<"handover">>,
           attrs = [{<<"xmlns">>, ?NS_HANDOVER},
                    {<<"version">>, ?VERSION},
                    {<<"timeout">>, integer_to_binary(Timeout div 1000)},
                    {<<"now">>, timestamp(0)},
                    {<<"node">>, atom_to_binary(node(), utf8)},
                    {<<"server">>, <<"ejabberd ", (ejabberd_option:version())/binary>>}]}.

-spec answer_fate(iq(), binary(), binary()) -> ok.
answer_fate(Question, Id, Component) ->
    Answer = fun(Fate) -> ejabberd_router:route(xmpp:make_iq_result(Question, about(Id, Fate))) end,
    Others = ejabberd_cluster:get_nodes() -- [node()],
    case fate(Id, Component) of
        unknown when Others /= [] ->
            %% The room may live on another node. This is the process of the relay's connection.
            _ = spawn(fun() ->
                              {Fates, _} = rpc:multicall(Others, ?MODULE, fate, [Id, Component], timer:seconds(5)),
                              Known = [Fate || Fate <- Fates, lists:member(Fate, [taken, passed, delivered])],
                              Answer(hd(Known ++ [unknown]))
                      end),
            ok;
        Fate ->
            Answer(Fate)
    end.

-spec about(binary(), taken | passed | delivered | unknown) -> xmlel().
about(Id, passed) ->
    #xmlel{attrs = Attrs} = Taken = about(Id, taken),
    Taken#xmlel{attrs = [{<<"passed">>, <<"true">>} | Attrs]};
about(Id, Fate) ->
    #xmlel{name = <<"handed-over">>,
           attrs = [{<<"xmlns">>, ?NS_HANDOVER}, {<<"id">>, Id}, {<<"fate">>, atom_to_binary(Fate, latin1)}]}.

%% On all nodes.
-spec connections(binary()) -> [pid()].
connections(Component) ->
    case (ejabberd_router:get_backend()):find_routes(Component) of
        {ok, Routes} -> [Pid || #route{pid = Pid} <- Routes, is_pid(Pid)];
        {error, _} -> []
    end.

-spec of_this_node([pid()]) -> [pid()].
of_this_node(Connections) ->
    [Connection || Connection <- Connections, node(Connection) == node()].

%% The relays of all hosts.
-spec components() -> [binary()].
components() ->
    lists:usort([gen_mod:get_module_opt(Host, ?MODULE, component)
                 || Host <- ejabberd_option:hosts(), gen_mod:is_loaded(Host, ?MODULE)]).

%%%===================================================================
%%% What became of hand-overs
%%%===================================================================
%% The table alone decides who delivers an invitation: `waiting` is replaced once.
start_memory() ->
    proc_lib:start_link(?MODULE, memory, []).

memory() ->
    _ = ets:new(?MODULE, [named_table, public, {keypos, #handed_over.id}, {write_concurrency, true}]),
    proc_lib:init_ack({ok, self()}),
    rest().

%% Owns the table. It hibernates, so that it never runs code of an older module.
rest() ->
    %% A message that came by mistake would wake the process again and again.
    receive _ -> ok after 0 -> ok end,
    proc_lib:hibernate(?MODULE, rest, []).

%% Whether it was still undecided. One that is not in the table counts as undecided.
-spec decide(binary() | undefined, binary(), taken | delivered) -> boolean().
decide(Id, Component, Fate) ->
    try ets:lookup(?MODULE, Id) of
        [#handed_over{fate = waiting, component = Component, whose = Whose} = Old] ->
            New = Old#handed_over{fate = Fate},
            case ets:select_replace(?MODULE, [{Old, [], [{const, New}]}]) of
                1 -> remember(Id, Whose, Fate);
                0 -> false
            end;
        [_] -> false;
        [] -> true
    catch error:badarg -> true
    end.

remember(Id, Whose, Fate) ->
    Slot = ets:update_counter(?MODULE, newest, {3, 1, ?REMEMBERED, 1}, {newest_slot, newest, 0}),
    [forget(Old) || {slot, _, Old} <- ets:lookup(?MODULE, {slot, Slot})],
    ets:insert(?MODULE, {slot, {slot, Slot}, Id}),
    Fate == taken andalso ets:insert(?MODULE, {taken, {taken, Whose}, Id}),
    true.

forget(Id) ->
    [ets:delete_object(?MODULE, {taken, {taken, Whose}, Id})
     || #handed_over{whose = Whose} <- ets:lookup(?MODULE, Id)],
    ets:delete(?MODULE, Id).

%% For a relay that asks: an invitation that still waits belongs to the relay from here on.
-spec fate(binary(), binary()) -> taken | passed | delivered | unknown.
fate(Id, Component) ->
    _ = decide(Id, Component, taken),
    try ets:lookup(?MODULE, Id) of
        [#handed_over{fate = Fate, component = Component}] -> Fate;
        _ -> unknown
    catch error:badarg -> unknown
    end.

-spec note_passed(message()) -> ok.
note_passed(#message{from = Inviter, to = Contact} = Message) ->
    case xmpp:get_subtag(Message, #x_conference{}) of
        #x_conference{jid = #jid{} = Room} ->
            Taken = ets:take(?MODULE, {taken, whose(Inviter, Contact, Room)}),
            [ets:update_element(?MODULE, Id, {#handed_over.fate, passed}) || {taken, _, Id} <- Taken],
            ok;
        _ ->
            ok
    end.

-spec whose(jid(), jid(), jid()) -> whose().
whose(Inviter, Contact, Room) ->
    {bare(Inviter), bare(Contact), bare(Room)}.

%%%===================================================================
%%% Errors for what has left in a user's name, from other servers or because one can't be reached
%%%===================================================================
%% Whether an error is about a message of the relay is for the relay to say. Those of local contacts are not passed on:
%% they tell who blocks whom. Several hosts may have different relays.
-spec came_back(message()) -> ok.
came_back(#message{id = Id, from = From, to = #jid{lserver = Host} = To}) ->
    Told = #xmlel{name = <<"came-back">>,
                  attrs = [{<<"xmlns">>, ?NS_HANDOVER}, {<<"id">>, Id},
                           {<<"from">>, jid:encode(From)}, {<<"to">>, jid:encode(To)}]},
    lists:foreach(
      fun(Component) ->
              try ets:update_counter(?MODULE, newest_error, {3, 1, ?REMEMBERED_ERRORS, 1}, {slot, newest_error, 0}) of
                  Slot ->
                      Iq = #iq{type = set, id = id_of_error(Slot), from = jid:make(<<>>, Host, ?RESOURCE),
                               to = jid:make(Component), sub_els = [Told]},
                      ets:insert(?MODULE, {error, {error, Slot}, Component, Iq}),
                      connections(Component) == [] orelse ejabberd_router:route(Iq)
              catch error:badarg -> ok
              end
      end, components()).

%% As 0123abcd-42.
-spec is_id_of_a_relay(binary()) -> boolean().
is_id_of_a_relay(Id) ->
    re:run(Id, "^[0-9a-f]{8}-[0-9]{1,19}$", [{capture, none}]) == match.

-spec id_of_error(pos_integer()) -> binary().
id_of_error(Slot) ->
    <<"error-", (integer_to_binary(Slot))/binary>>.

-spec relay_knows(binary(), binary()) -> ok.
relay_knows(<<"error-", Slot/binary>>, Component) ->
    try ets:match_delete(?MODULE, {error, {error, binary_to_integer(Slot)}, Component, '_'}) of
        true -> ok
    catch error:badarg -> ok
    end;
relay_knows(_, _) ->
    ok.

component_connected(Component) ->
    try ets:match(?MODULE, {error, '_', Component, '$1'}) of
        Kept -> lists:foreach(fun([Iq]) -> ejabberd_router:route(Iq) end, Kept)
    catch error:badarg -> ok
    end.

%%%===================================================================
%%% The newest connection of a node
%%%===================================================================
%% In the process of a new connection, before anybody grants it anything. mod_privilege's grants belong to the node: if an
%% older connection ended later, it would take those of the new one along.
-spec replace_older(binary()) -> ok.
replace_older(Component) ->
    case lists:member(Component, components()) andalso not shares_a_listener(Component) of
        true ->
            Number = note_connection(Component, self()),
            %% In a process of its own: nothing that comes too late is a message for the connection.
            {Pid, Monitor} = spawn_monitor(fun() -> replace_older(Component, Number) end),
            receive
                {'DOWN', Monitor, process, _, _} -> ok
            after 2 * ?END_TIMEOUT -> % the routes can't be changed
                demonitor(Monitor, [flush]),
                exit(Pid, kill),
                ok
            end;
        false ->
            ok
    end.

%% Whether the connections of other components are routes to this one as well, and theirs run this hook for it.
-spec shares_a_listener(binary()) -> boolean().
shares_a_listener(Component) ->
    lists:any(fun({_, ejabberd_service, #{hosts := [_, _ | _] = Hosts, global_routes := true}}) ->
                      lists:keymember(Component, 1, Hosts);
                 (_) -> false
              end, ejabberd_option:listen()).

%% Waits for older ones only, so two new ones never wait for each other.
-spec replace_older(binary(), integer()) -> any().
replace_older(Component, Number) ->
    case older(Component, Number, erlang:monotonic_time(millisecond) + ?END_TIMEOUT) of
        [_ | _] = Older ->
            Error = xmpp:serr_conflict(<<"Replaced by a new connection">>, ejabberd_option:language()),
            Monitors = [{monitor(process, Pid), Pid} || Pid <- Older],
            [ejabberd_service:send(Pid, Error) || Pid <- Older], % this ends it as well
            Stuck = that_stay(Monitors, erlang:monotonic_time(millisecond) + ?END_TIMEOUT),
            %% The first ends it without a report of its supervisor's, unless it traps exits.
            [begin exit(Pid, shutdown), exit(Pid, kill) end || Pid <- Stuck],
            [ejabberd_router:unregister_route(Component, Pid) || Pid <- Stuck],
            ?INFO_MSG("The new connection of ~ts replaces the older ones of this node: ~b ended~ts",
                      [Component, length(Older) - length(Stuck),
                       [io_lib:format(", ~b killed, since it did not end in time", [length(Stuck)]) || Stuck /= []]]);
        [] ->
            ok
    end.

%% Those of this node with a lower number. One without a number has its route, and gets a number next.
-spec older(binary(), integer(), integer()) -> [pid()].
older(Component, Number, Until) ->
    Noted = [{Pid, Its} || [Pid, Its] <- ets:match(?MODULE, {connection, {connection, '$1'}, Component, '$2'})],
    Here = of_this_node(connections(Component)),
    [ets:delete(?MODULE, {connection, Pid}) || {Pid, _} <- Noted, not lists:member(Pid, Here)],
    AllNoted = [] == [Pid || Pid <- Here, not lists:keymember(Pid, 1, Noted)],
    case AllNoted orelse erlang:monotonic_time(millisecond) >= Until of
        true -> [Pid || {Pid, Its} <- Noted, Its < Number, lists:member(Pid, Here)];
        false -> receive after 1 -> older(Component, Number, Until) end
    end.

%% Those that were there before the module.
-spec note_connections(gen_mod:opts()) -> ok.
note_connections(Opts) ->
    Component = gen_mod:get_opt(component, Opts),
    lists:foreach(fun(Pid) -> note_connection(Component, Pid) end, of_this_node(connections(Component))).

-spec note_connection(binary(), pid()) -> integer().
note_connection(Component, Pid) ->
    Number = erlang:unique_integer([monotonic]),
    ets:insert_new(?MODULE, {connection, {connection, Pid}, Component, Number}),
    Number.

%% Those that have not ended at that time.
-spec that_stay([{reference(), pid()}], integer()) -> [pid()].
that_stay([], _) ->
    [];
that_stay(Monitors, Until) ->
    receive
        {'DOWN', Ended, process, _, _} -> that_stay(lists:keydelete(Ended, 1, Monitors), Until)
    after max(0, Until - erlang:monotonic_time(millisecond)) ->
        [Pid || {_, Pid} <- Monitors]
    end.

%%%===================================================================
%%% An invitation's keeper
%%%===================================================================
init([]) ->
    {ok, {#{strategy => simple_one_for_one},
          [#{id => keeper, start => {?MODULE, start_keeper, []}, restart => temporary}]}}.

start_keeper(Invitation) ->
    proc_lib:start_link(?MODULE, keep, [Invitation]).

keep(#invitation{component = Component, timeout = Timeout} = Invitation) ->
    %% From here on, the end of the module arrives as a message, so the invitation is not lost.
    process_flag(trap_exit, true),
    proc_lib:init_ack({ok, self()}),
    case may_be_asked(Component) of
        [] ->
            deliver(Invitation, ?NOT_CONNECTED);
        Before ->
            ejabberd_router:route_iq(handover(Invitation), handover, self(), Timeout),
            %% It may be one that has come just now.
            Asked = [monitor(process, Pid) || Pid <- lists:usort(Before ++ may_be_asked(Component))],
            await(Invitation, Asked, erlang:monotonic_time(millisecond) + Timeout)
    end.

%% The connections of which ejabberd_router takes one: those of this node if there are any, without `domain_balancing`.
-spec may_be_asked(binary()) -> [pid()].
may_be_asked(Component) ->
    All = connections(Component),
    case of_this_node(All) of
        [] -> All;
        Here ->
            case maps:is_key(Component, ejabberd_option:domain_balancing()) of
                true -> All;
                false -> Here
            end
    end.

%% Asked: the monitors of the connections by which it may have been handed over; which one it was is not known.
-spec await(#invitation{}, [reference()], integer()) -> ok.
await(#invitation{message = Message} = Invitation, Asked, Until) ->
    receive
        {iq_reply, #iq{type = result}, handover} ->
            take(Invitation),
            ?DEBUG("Invitation from ~ts is the relay's", [jid:encode(Message#message.from)]);
        {iq_reply, #iq{type = error} = Answer, handover} ->
            deliver(Invitation, ["the relay answered ", condition(Answer)]);
        {'DOWN', Ended, process, _, _} ->
            case lists:delete(Ended, Asked) of
                [] -> disconnected(Invitation);
                Left -> await(Invitation, Left, Until)
            end;
        {'EXIT', _, _} ->
            deliver(Invitation, "the module stops")
    after max(0, Until - erlang:monotonic_time(millisecond)) -> % ejabberd_iq keeps time as well, but may be restarted
        deliver(Invitation, "no answer in time")
    end.

disconnected(Invitation) ->
    %% When ejabberd_iq answers, it has passed on all that it had from that connection.
    _ = catch sys:get_state(ejabberd_iq),
    receive
        {iq_reply, #iq{type = result}, handover} -> take(Invitation)
    after 0 ->
        deliver(Invitation, "the relay disconnected")
    end.

-spec handover(#invitation{}) -> iq().
handover(#invitation{message = #message{from = Room, to = Contact} = Message, component = Component,
                     inviter = Inviter, timeout = Timeout, made_member = MadeMember}) ->
    %% The relay gets a tenth less time than we wait, so that an answer at its deadline is still in time.
    Deadline = timestamp(Timeout * 9 div 10),
    Invitation = fxml:replace_tag_attr(<<"xmlns">>, ?NS_CLIENT, xmpp:encode(Message)),
    Forwarded = #xmlel{name = <<"forwarded">>, attrs = [{<<"xmlns">>, ?NS_FORWARD}], children = [Invitation]},
    #iq{type = set,
        meta = #{?MODULE => {whose(Inviter, Contact, Room), Component}},
        from = jid:make(<<>>, Room#jid.lserver, ?RESOURCE),
        to = jid:make(Component),
        sub_els = [#xmlel{name = <<"handover">>,
                          attrs = [{<<"xmlns">>, ?NS_HANDOVER}, {<<"deadline">>, Deadline}, {<<"now">>, timestamp(0)}
                                   | [{<<"made-member">>, <<"true">>} || MadeMember]],
                          children = [Forwarded]}]}.

%% The time so many milliseconds from now.
-spec timestamp(non_neg_integer()) -> binary().
timestamp(Later) ->
    Time = erlang:system_time(millisecond) + Later,
    list_to_binary(calendar:system_time_to_rfc3339(Time, [{unit, millisecond}, {offset, "Z"}])).

%% In a cluster the answer may have come in on another node.
-spec take(#invitation{}) -> ok.
take(#invitation{component = Component}) ->
    _ = decide(get(?MODULE), Component, taken),
    ok.

-spec deliver(#invitation{}, iodata()) -> ok.
deliver(#invitation{message = Message, component = Component}, Why) ->
    case decide(get(?MODULE), Component, delivered) of
        true ->
            log_delivery(Message, Why),
            ejabberd_router:route(Message);
        false ->
            ?DEBUG("Invitation from ~ts is the relay's all the same: ~ts", [jid:encode(Message#message.from), Why])
    end.

-spec log_delivery(message(), iodata()) -> ok.
log_delivery(#message{from = Room, to = Contact}, Why) ->
    ?INFO_MSG("Invitation for ~ts is delivered by the room ~ts: ~ts",
              [jid:encode(Contact), jid:encode(Room), Why]).

-spec condition(iq()) -> iodata().
condition(Answer) ->
    case xmpp:get_error(Answer) of
        #stanza_error{} = Error -> xmpp:format_stanza_error(Error);
        undefined -> "an error without a condition"
    end.
