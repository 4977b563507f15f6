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
%%% An invitation that the room has checked and completed goes to the relay in an IQ, and a process of
%%% its own keeps it. A result: the relay has it for good. An error, no answer in time, no connection,
%%% or this module or the server stopping: the room's own invitation is delivered as if this module
%%% were not there. So none is lost; one may arrive twice if the connection breaks just when the relay
%%% has taken it. The room never waits.
%%%
%%% Never handed over: what a user of another server or of a component invites to (the relay can't
%%% speak for him), and what is meant for an address on the relay (it gets that as it is).
-module(mod_muc_invite_relay).

-behaviour(gen_mod).
-behaviour(supervisor).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([muc_invite/7, filter_packet/1]).
-export([init/1, start_keeper/1, keep/1]).

-include("logger.hrl").
-include("xmpp.hrl").
-include("ejabberd_router.hrl").

-define(NS_HANDOVER, <<"urn:x-muc-invite-relay:0">>).
%% From 24.12 on, mod_privilege swallows what a component asks or answers a bare host.
-define(RESOURCE, <<"muc-invite-relay">>).

-record(invitation, {message :: message(),
                     host :: binary(),
                     component :: binary(),
                     connections :: [pid()],
                     timeout :: pos_integer()}).

%%%===================================================================
%%% The module
%%%===================================================================
start(Host, _Opts) ->
    Keepers = gen_mod:get_module_proc(Host, ?MODULE),
    Spec = #{id => Keepers, type => supervisor, start => {supervisor, start_link, [{local, Keepers}, ?MODULE, []]}},
    case supervisor:start_child(ejabberd_gen_mod_sup, Spec) of
        {ok, _} ->
            ejabberd_hooks:add(filter_packet, ?MODULE, filter_packet, 100),
            ejabberd_hooks:add(muc_invite, Host, ?MODULE, muc_invite, 100);
        Error ->
            Error
    end.

%% Returns when every invitation that was still kept has been delivered.
stop(Host) ->
    ejabberd_hooks:delete(muc_invite, Host, ?MODULE, muc_invite, 100),
    gen_mod:is_loaded_elsewhere(Host, ?MODULE) orelse
        ejabberd_hooks:delete(filter_packet, ?MODULE, filter_packet, 100),
    gen_mod:stop_child(?MODULE, Host).

reload(_Host, _NewOpts, _OldOpts) ->
    ok.

%% Stopped before mod_offline, which takes what is delivered then.
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
muc_invite(#message{from = Room, to = Contact} = Message, _Room, _Config, Inviter, _Contact, _Reason, _Packet) ->
    Host = ejabberd_router:host_of_route(Room#jid.lserver),
    #{component := Component, timeout := Timeout, access := Access} = gen_mod:get_module_opts(Host, ?MODULE),
    IsForTheRelay = ejabberd_router:is_my_host(Inviter#jid.lserver)
        andalso Contact#jid.lserver /= Component
        andalso acl:match_rule(Host, Access, Room) == allow,
    case IsForTheRelay andalso connections(Component) of
        false ->
            Message;
        [] ->
            log_delivery(Message, "the relay is not connected"),
            Message;
        Connections ->
            Invitation = #invitation{message = Message, host = Host, connections = Connections,
                                     component = Component, timeout = Timeout},
            xmpp:put_meta(Message, ?MODULE, Invitation)
    end;
muc_invite(Dropped, _Room, _Config, _Inviter, _Contact, _Reason, _Packet) ->
    Dropped.

filter_packet(#message{meta = #{?MODULE := #invitation{host = Host} = Invitation}}) ->
    {ok, _} = supervisor:start_child(gen_mod:get_module_proc(Host, ?MODULE), [Invitation]),
    {stop, drop};
%% `muc-invite-relay check` asks whether this module is there for it, and what time it is here.
filter_packet(#iq{type = get, from = #jid{luser = <<>>, lserver = Asker}, sub_els = [#xmlel{name = <<"handover">>}],
                  to = #jid{luser = <<>>, lserver = Service, lresource = ?RESOURCE}} = Question) ->
    Host = ejabberd_router:is_my_route(Service) andalso ejabberd_router:host_of_route(Service),
    case Host /= false andalso gen_mod:is_loaded(Host, ?MODULE) andalso gen_mod:get_module_opts(Host, ?MODULE) of
        #{component := Asker, timeout := Timeout} ->
            ejabberd_router:route(xmpp:make_iq_result(Question, about(Timeout))),
            {stop, drop};
        _ ->
            Question
    end;
filter_packet(Packet) ->
    Packet.

-spec about(pos_integer()) -> xmlel().
about(Timeout) ->
    #xmlel{name = <<"handover">>,
           attrs = [{<<"xmlns">>, ?NS_HANDOVER},
                    {<<"timeout">>, integer_to_binary(Timeout div 1000)},
                    {<<"now">>, timestamp(0)},
                    {<<"server">>, <<"ejabberd ", (ejabberd_option:version())/binary>>}]}.

-spec connections(binary()) -> [pid()].
connections(Component) ->
    case (ejabberd_router:get_backend()):find_routes(Component) of
        {ok, Routes} -> [Pid || #route{pid = Pid} <- Routes, is_pid(Pid)];
        {error, _} -> []
    end.

%%%===================================================================
%%% An invitation's keeper
%%%===================================================================
init([]) ->
    {ok, {#{strategy => simple_one_for_one},
          [#{id => keeper, start => {?MODULE, start_keeper, []}, restart => temporary}]}}.

start_keeper(Invitation) ->
    proc_lib:start_link(?MODULE, keep, [Invitation]).

keep(#invitation{message = Message, connections = Connections, component = Component, timeout = Timeout}) ->
    %% From here on, the module's end is a message, and the invitation is safe.
    process_flag(trap_exit, true),
    proc_lib:init_ack({ok, self()}),
    [monitor(process, Connection) || Connection <- Connections],
    ejabberd_router:route_iq(handover(Message, Component, Timeout), handover, self(), Timeout),
    receive
        {iq_reply, #iq{type = result}, handover} ->
            ?DEBUG("Invitation from ~ts is the relay's", [jid:encode(Message#message.from)]);
        {iq_reply, #iq{type = error} = Answer, handover} ->
            deliver(Message, ["the relay answered ", condition(Answer)]);
        {'DOWN', _, process, _, _} ->
            %% When ejabberd_iq answers, it has passed on all that it had from that connection.
            _ = catch sys:get_state(ejabberd_iq),
            receive
                {iq_reply, #iq{type = result}, handover} -> ok
            after 0 ->
                deliver(Message, "the relay disconnected")
            end;
        {'EXIT', _, _} ->
            deliver(Message, "the module stops")
    after Timeout -> % ejabberd_iq keeps time as well, but may be restarted
        deliver(Message, "no answer in time")
    end.

-spec handover(message(), binary(), pos_integer()) -> iq().
handover(#message{from = Room} = Message, Component, Timeout) ->
    %% The relay gets a tenth less than we wait: an answer given in the last moment is still in time.
    Deadline = timestamp(Timeout * 9 div 10),
    Invitation = fxml:replace_tag_attr(<<"xmlns">>, ?NS_CLIENT, xmpp:encode(Message)),
    Forwarded = #xmlel{name = <<"forwarded">>, attrs = [{<<"xmlns">>, ?NS_FORWARD}], children = [Invitation]},
    #iq{type = set,
        from = jid:make(<<>>, Room#jid.lserver, ?RESOURCE),
        to = jid:make(Component),
        sub_els = [#xmlel{name = <<"handover">>,
                          attrs = [{<<"xmlns">>, ?NS_HANDOVER}, {<<"deadline">>, Deadline}],
                          children = [Forwarded]}]}.

%% So many milliseconds from now.
-spec timestamp(non_neg_integer()) -> binary().
timestamp(Later) ->
    Time = erlang:system_time(millisecond) + Later,
    list_to_binary(calendar:system_time_to_rfc3339(Time, [{unit, millisecond}, {offset, "Z"}])).

-spec deliver(message(), iodata()) -> ok.
deliver(Message, Why) ->
    log_delivery(Message, Why),
    ejabberd_router:route(Message).

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
