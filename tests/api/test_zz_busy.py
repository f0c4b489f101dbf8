import threading,time
from tests.interviews import book
from bson import ObjectId
def test_end_under_load(company):
    c,i=company.candidate(),company.staff()
    iv=book(company,c,i); p=f"/api/interviews/{iv['id']}"
    assert i.post(p+"/start").status_code==200
    log=company.app.extensions["services"].session_log
    from interview_platform.wiring import Services
    other=Services(company.app.extensions["services"].settings)
    stop=threading.Event(); fs=[]
    def run(l):
        while not stop.is_set():
            fs.append(l.append(ObjectId(iv["id"]),"code",None,{"x":1})); time.sleep(0.002)
    ts=[threading.Thread(target=run,args=(l,)) for l in (log,other.session_log)]
    [t.start() for t in ts]; time.sleep(1)
    t0=time.time(); a=i.post(p+"/end",{}); dt=time.time()-t0
    stop.set(); [t.join() for t in ts]
    print("END",a.status_code,round(dt,2),len(fs), a.text[:200])
    other.__exit__()
    seqs=[d["seq"] for d in company.app.extensions["services"].store["sessionlogs"].find({"interview":ObjectId(iv["id"])}).sort("seq",1)]
    print(len(seqs), seqs==list(range(1,len(seqs)+1)))
