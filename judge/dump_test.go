package judge
import ("testing";"encoding/json";"os")
func TestDump(t *testing.T){
 c,err:=Draft(incident().input(0)); if err!=nil{t.Fatal(err)}
 if err:=Close(c, incident().input(0)); err!=nil{t.Fatal(err)}
 c.Findings=nil
 b,_:=json.MarshalIndent(c,""," "); os.WriteFile("/tmp/judge_seed.json",b,0o644)
}
